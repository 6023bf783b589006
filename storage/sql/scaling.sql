-- Which nodes rooms need, and which will end.

-- name: node_rooms
-- The nodes that live: their room actors, those of them that have rooms, these rooms, and for how many more those
-- actors have room. `why` a node is drained; null: it is not. `changing`: code is rolled out; `emptied`: some node,
-- which need not live, is drained because it is not needed.
WITH living AS (
    SELECT node, count(*)::integer AS actors, (count(*) FILTER (WHERE rooms > 0))::integer AS working,
           sum(rooms)::integer AS rooms,
           coalesce(sum(capacity - rooms) FILTER (WHERE rooms > 0 AND suspect_at IS NULL), 0)::integer AS free
    FROM room_actors WHERE alive_at > now() - interval '6 seconds' GROUP BY node
)
SELECT n.address, max(n.most) AS most, coalesce(max(l.actors), 0) AS actors, coalesce(max(l.working), 0) AS working,
       coalesce(max(l.rooms), 0) AS rooms, coalesce(max(l.free), 0) AS free, bool_and(n.may_end) AS may_end,
       max(d.why) AS why, EXISTS (SELECT FROM rollout WHERE ended_at IS NULL) AS changing,
       EXISTS (SELECT FROM drained_nodes WHERE why = 'unneeded') AS emptied
FROM nodes n LEFT JOIN living l ON l.node = n.address LEFT JOIN drained_nodes d ON d.address = n.address
WHERE n.beat_at > now() - interval '3 seconds' GROUP BY n.address ORDER BY n.address

-- name: gather_node
-- Node :node is drained, for the others have room for its rooms. No row: it is drained already.
WITH marked AS (
    INSERT INTO drained_nodes (address, why) VALUES (:node, 'unneeded') ON CONFLICT DO NOTHING RETURNING address
), drained AS (
    UPDATE room_actors SET draining = true WHERE node IN (SELECT address FROM marked)
)
SELECT address FROM marked

-- name: forget_unneeded
-- Those of them that are gone: one that comes again is needed.
DELETE FROM drained_nodes d WHERE why = 'unneeded'
AND NOT EXISTS (SELECT FROM nodes n WHERE n.address = d.address AND n.beat_at > now() - interval '15 seconds')
RETURNING address

-- name: nodes_end
-- The nodes at :addresses will end, and no others: they are drained. Gives those of which that is new.
WITH over AS (
    DELETE FROM drained_nodes WHERE why = 'ending' AND address <> ALL(:addresses::text[])
), marked AS (
    INSERT INTO drained_nodes AS d (address, why) SELECT address, 'ending' FROM unnest(:addresses::text[]) AS address
    ON CONFLICT (address) DO UPDATE SET why = excluded.why WHERE d.why = 'unneeded'
    RETURNING address
), drained AS (
    UPDATE room_actors SET draining = true WHERE node = ANY(:addresses::text[]) AND NOT draining
)
SELECT address FROM marked
