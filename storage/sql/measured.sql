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
