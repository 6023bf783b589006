-- The sums that room actors measured.

-- name: measured
-- By game, every sum of the actors that live, as of their last beat, and of those that are gone: none ever goes down.
SELECT game, name, sum(value)::bigint AS value FROM (
    SELECT game, name, value FROM measured_totals
    UNION ALL
    SELECT g.key, m.key, m.value::bigint
    FROM room_actors, json_each(measured) g, json_each_text(g.value) m
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

-- name: add_measured
-- These :sums (JSON, by name) are added to the totals.
INSERT INTO measured_totals AS t (game, name, value)
SELECT :game, m.key, m.value::bigint FROM json_each_text(:sums::json) m ORDER BY m.key
ON CONFLICT (game, name) DO UPDATE SET value = t.value + excluded.value
