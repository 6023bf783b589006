-- The sums that room actors measured.

-- name: measured
-- By game, every sum of the actors that live, as of their last beat, and of those that are gone: none ever goes down.
-- Under '?' stands what is no sum: it counts while its actor lives (actors_waiting).
SELECT game, name, sum(value)::bigint AS value FROM (
    SELECT game, name, value FROM measured_totals WHERE game <> '?'
    UNION ALL
    SELECT g.key, m.key, m.value::bigint
    FROM room_actors, json_each(measured) g, json_each_text(g.value) m
    WHERE g.key <> '?'
) each_of
GROUP BY game, name

-- name: rooms_by_status
SELECT status, count(*) AS rooms FROM rooms GROUP BY status

-- name: actors_by_state
-- `free`: how many rooms could still be given to them.
SELECT CASE WHEN alive_at < now() - interval '6 seconds' THEN 'silent' WHEN suspect_at IS NOT NULL THEN 'suspect'
            WHEN draining THEN 'draining' WHEN rooms = 0 THEN 'spare' ELSE 'work' END AS state,
       count(*) AS actors, sum(greatest(capacity - rooms, 0)) AS free
FROM room_actors GROUP BY state

-- name: actors_waiting
-- By queue, what waited in the actors that live as of their last beat: in all of them, and in the one with the most.
SELECT m.key AS queue, sum(m.value::bigint)::bigint AS waiting, max(m.value::bigint) AS most
FROM room_actors, json_each_text(measured -> '?') m
WHERE alive_at >= now() - interval '6 seconds' GROUP BY m.key

-- name: nodes_alive
SELECT count(DISTINCT node) AS nodes FROM room_actors WHERE alive_at >= now() - interval '6 seconds'

-- name: add_measured
-- These :sums (JSON, by name) are added to the totals.
INSERT INTO measured_totals AS t (game, name, value)
SELECT :game, m.key, m.value::bigint FROM json_each_text(:sums::json) m ORDER BY m.key
ON CONFLICT (game, name) DO UPDATE SET value = t.value + excluded.value
