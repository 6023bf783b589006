-- The roll-out of code: what is to run, what runs, and what is left of the rest.

-- name: rollout
-- The last one. `begun`: there is an actor of its target; `left` and on: what lives and is of other code, and of edges
-- and nodes those that would be so again if they were started now.
SELECT o.target, o.before, o.a_second, o.edges, o.paused, o.refused, o.ended_at IS NOT NULL AS ended,
       EXISTS (SELECT FROM room_actors a WHERE a.code = o.target AND a.alive_at > now() - interval '6 seconds') AS begun,
       (SELECT count(*) FROM room_actors a
        WHERE a.code IS DISTINCT FROM o.target AND a.alive_at > now() - interval '6 seconds')::integer AS actors_left,
       (SELECT count(*) FROM rooms r JOIN room_actors a ON a.name = r.actor
        WHERE a.code IS DISTINCT FROM o.target AND a.alive_at > now() - interval '6 seconds')::integer AS rooms_left,
       e.here AS edges_here, e.left AS edges_left, e.stay AS edges_stay, n.left AS nodes_left, n.stay AS nodes_stay
FROM rollout o,
     LATERAL (SELECT count(*)::integer AS here, (count(*) FILTER (WHERE code <> o.target))::integer AS left,
                     (count(*) FILTER (WHERE code <> o.target AND disk <> o.target))::integer AS stay
              FROM edges WHERE seen_at > now() - interval '6 seconds') e,
     LATERAL (SELECT (count(*) FILTER (WHERE code IS DISTINCT FROM o.target))::integer AS left,
                     (count(*) FILTER (WHERE code IS DISTINCT FROM o.target
                                       AND disk IS DISTINCT FROM o.target))::integer AS stay
              FROM nodes WHERE beat_at > now() - interval '3 seconds') n

-- name: codes
-- The code that each living node and edge would start with, and runs.
SELECT 'node' AS kind, address AS name, code, disk FROM nodes WHERE beat_at > now() - interval '3 seconds'
UNION ALL
SELECT 'edge', id, code, disk FROM edges WHERE seen_at > now() - interval '6 seconds'
ORDER BY 1, 2

-- name: begin_rollout
-- Code :target is to run. No row: another roll-out is under way.
INSERT INTO rollout AS o (target, before, a_second, edges)
SELECT :target, (SELECT code FROM room_actors WHERE code IS DISTINCT FROM :target::text
                 GROUP BY code ORDER BY count(*) DESC, code LIMIT 1),
       :a_second::real, (SELECT count(*)::integer FROM edges WHERE seen_at > now() - interval '6 seconds')
ON CONFLICT (one) DO UPDATE
SET target = excluded.target, before = coalesce(excluded.before, o.target), a_second = excluded.a_second,
    edges = excluded.edges, paused = false, refused = 0, began_at = now(), ended_at = NULL
WHERE o.ended_at IS NOT NULL
RETURNING target

-- name: turn_rollout_back
-- The code of before is to run again, also when the roll-out has ended.
UPDATE rollout SET target = before, before = target, paused = false, refused = 0, ended_at = NULL,
    edges = (SELECT count(*)::integer FROM edges WHERE seen_at > now() - interval '6 seconds')
WHERE before IS NOT NULL RETURNING target

-- name: pause_rollout
UPDATE rollout SET paused = :paused WHERE ended_at IS NULL RETURNING target

-- name: refused_by_rollout
UPDATE rollout SET refused = :refused WHERE refused <> :refused

-- name: end_rollout
UPDATE rollout SET ended_at = now() WHERE ended_at IS NULL AND NOT paused AND target = :target RETURNING target

-- name: outdated_rooms
-- Up to :most rooms of living actors of other code than :target, but :without these.
SELECT r.id, r.actor FROM room_actors a JOIN rooms r ON r.actor = a.name
WHERE a.code IS DISTINCT FROM :target AND a.alive_at > now() - interval '6 seconds' AND r.id <> ALL(:without::text[])
ORDER BY a.started_at, a.name, r.id LIMIT :most

-- name: outdated_actor
-- An actor of other code than :target that has no room any more: it ends by itself when its row is gone.
DELETE FROM room_actors WHERE code IS DISTINCT FROM :target AND name = (
    SELECT name FROM room_actors a
    WHERE code IS DISTINCT FROM :target AND NOT EXISTS (SELECT 1 FROM rooms WHERE actor = a.name)
    ORDER BY started_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING name

-- name: outdated_edge
-- An edge that is to be started again with code :target, which lies there; none while another one of them is told to
-- end.
SELECT id FROM edges e
WHERE seen_at > now() - interval '6 seconds' AND code <> :target AND disk = :target
  AND NOT EXISTS (SELECT FROM standing_orders o JOIN edges other ON other.id = o.subject
                  WHERE o.kind = 'drain_edge' AND other.seen_at > now() - interval '6 seconds')
ORDER BY id LIMIT 1

-- name: edge_lives
-- Edge :id is there, and of which code, on a machine with these :addresses. Those that have not been for an hour are
-- forgotten. `leaves`: its node is drained because it will end or is not needed, and there are edges elsewhere.
WITH forgotten AS (
    DELETE FROM edges WHERE seen_at < now() - interval '1 hour'
), lives AS (
    INSERT INTO edges (id, code, disk, addresses) VALUES (:id, :code, :disk, :addresses)
    ON CONFLICT (id) DO UPDATE SET disk = excluded.disk, addresses = excluded.addresses, seen_at = now()
)
SELECT EXISTS (SELECT FROM drained_nodes WHERE why <> 'asked' AND address = ANY(:addresses::text[]))
   AND EXISTS (SELECT FROM edges e WHERE id <> :id AND seen_at > now() - interval '6 seconds'
               AND NOT EXISTS (SELECT FROM drained_nodes WHERE why <> 'asked' AND address = ANY(e.addresses))) AS leaves

-- name: edge_left
DELETE FROM edges WHERE id = :id

-- name: stewards_turn
-- Whether a steward of code :code is to end, for :disk lies on its disk and is rolled out, and all else is done.
SELECT FROM rollout o
WHERE ended_at IS NULL AND NOT paused AND target = :disk AND target <> :code
  AND NOT EXISTS (SELECT FROM room_actors WHERE code IS DISTINCT FROM o.target
                  AND alive_at > now() - interval '6 seconds')
  AND NOT EXISTS (SELECT FROM edges WHERE code <> o.target AND seen_at > now() - interval '6 seconds')

-- name: other_codes
-- The living actors of other code than :target.
SELECT name FROM room_actors
WHERE code IS DISTINCT FROM :target AND alive_at > now() - interval '6 seconds' LIMIT 1
