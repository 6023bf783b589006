-- Nodes, what is wished of them, and who does the steward's rounds.

-- name: beat_node
-- Node :id lives, and Ray may end it if it :may_end. Gives the nodes that do, as of before, each with its actors
-- (counted as `register_actor` does) and those of them that are spare. One that is drained carries none, and while code
-- is rolled out one where other code would start.
WITH beat AS (
    INSERT INTO nodes (id, address, pid, most, code, disk, may_end)
    VALUES (:id, :address, :pid::integer, :most::integer, :code, :disk, :may_end)
    ON CONFLICT (id) DO UPDATE SET beat_at = now(), most = excluded.most, disk = excluded.disk
), living AS (
    SELECT node, count(*) - least(count(suspect_at), :suspects::integer) AS actors,
           count(*) FILTER (WHERE rooms = 0 AND name IN (SELECT name FROM roomy_actors)) AS spares
    FROM room_actors WHERE alive_at > now() - interval '6 seconds' GROUP BY node
)
SELECT n.id, n.address,
       CASE WHEN n.address IN (SELECT address FROM drained_nodes)
              OR EXISTS (SELECT FROM rollout o WHERE o.ended_at IS NULL AND n.disk IS DISTINCT FROM o.target) THEN 0
            ELSE n.most END AS most,
       coalesce(l.actors, 0)::integer AS actors, coalesce(l.spares, 0)::integer AS spares
FROM nodes n LEFT JOIN living l ON l.node = n.address
WHERE n.beat_at > now() - interval '3 seconds' ORDER BY n.id

-- name: beating_nodes
-- The nodes that live.
SELECT address, pid FROM nodes WHERE beat_at > now() - interval '3 seconds'

-- name: node_states
-- Every address that a node of the last hour has or had: how long ago its steward beat (s), the actors that live there,
-- how many it carries, and whether its steward does the rounds.
WITH living AS (
    SELECT node, count(*) AS actors FROM room_actors WHERE alive_at > now() - interval '6 seconds' GROUP BY node
)
SELECT n.address, extract(epoch FROM now() - max(n.beat_at))::float8 AS silent_s, max(n.most) AS most,
       coalesce(max(l.actors), 0)::integer AS actors,
       bool_or(n.id = (SELECT holder FROM steward_lease WHERE until > now())) IS TRUE AS does_rounds
FROM nodes n LEFT JOIN living l ON l.node = n.address
GROUP BY n.address ORDER BY n.address

-- name: waiting_wishes
-- The room actors that edges have wished for and nobody has answered for: how many, and since when (s) the oldest.
SELECT count(*)::integer AS waiting, coalesce(extract(epoch FROM now() - min(made_at)), 0)::float8 AS oldest_s
FROM actor_wishes WHERE answered_at IS NULL AND made_at > now() - interval '1 minute'

-- name: tell_ray
-- Ray as it told the node's steward, as JSON, or null.
UPDATE nodes SET ray = :state, ray_at = now() WHERE id = :id

-- name: ray_told
-- Ray as it told a steward that lives, the one that does the rounds before others, within the last seconds.
SELECT n.ray AS state FROM nodes n
WHERE n.ray IS NOT NULL AND n.ray_at > now() - interval '15 seconds' AND n.beat_at > now() - interval '3 seconds'
ORDER BY n.id = (SELECT holder FROM steward_lease WHERE until > now()) DESC NULLS LAST, n.id LIMIT 1

-- name: leave_node
-- Its steward ends: nobody waits for it, not even for the lease.
WITH left_lease AS (
    UPDATE steward_lease SET until = now() WHERE holder = :id AND until > now()
)
DELETE FROM nodes WHERE id = :id

-- name: clear_nodes
-- Those that are gone for good, and wishes for which nobody waits any more. That a node is drained is forgotten with
-- it.
WITH forgotten AS (
    DELETE FROM actor_wishes WHERE made_at < now() - interval '1 minute'
), undrained AS (
    DELETE FROM drained_nodes d WHERE at < now() - interval '1 hour'
    AND NOT EXISTS (SELECT FROM nodes n WHERE n.address = d.address AND n.beat_at > now() - interval '1 hour')
)
DELETE FROM nodes WHERE beat_at < now() - interval '1 hour'

-- name: wish_actor
-- Somebody needs a room actor. Stewards that listen hear of it.
WITH wish AS (
    INSERT INTO actor_wishes (id) VALUES (:id)
)
SELECT pg_notify('tavola_wishes', '')

-- name: wish_answered
-- The answer to a wish so far, and whether a live actor other than :avoid has room, whoever started it. No row: it is
-- forgotten.
SELECT w.answered_at IS NOT NULL AS answered, w."full", w.why,
       EXISTS (SELECT FROM roomy_actors WHERE name IS DISTINCT FROM :avoid) AS has_room
FROM actor_wishes w WHERE w.id = :id

-- name: unwish_actor
DELETE FROM actor_wishes WHERE id = :id

-- name: open_wish
-- Whether there is a wish that node :node could take: nobody has, or it has been another's for :rival_s seconds.
SELECT FROM actor_wishes
WHERE answered_at IS NULL AND made_at > now() - make_interval(secs => :forgotten_s)
  AND (taken_at IS NULL OR taken_by <> :node AND taken_at < now() - make_interval(secs => :rival_s))
LIMIT 1

-- name: take_wish
-- As `open_wish`, and it is node :node's.
UPDATE actor_wishes SET taken_by = :node, taken_at = now() WHERE id = (
    SELECT id FROM actor_wishes
    WHERE answered_at IS NULL AND made_at > now() - make_interval(secs => :forgotten_s)
      AND (taken_at IS NULL OR taken_by <> :node AND taken_at < now() - make_interval(secs => :rival_s))
    ORDER BY made_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id

-- name: answer_wish
-- There is one more actor; or there is none, and :why.
UPDATE actor_wishes SET answered_at = now(), "full" = :full, why = :why WHERE id = :id AND answered_at IS NULL

-- name: answer_wishes
-- The same of :id, and of all that nobody has taken: the actor has room for many.
UPDATE actor_wishes SET answered_at = now() WHERE answered_at IS NULL AND (id = :id OR taken_at IS NULL)

-- name: pass_wish
-- Node :node took it and has no room after all: another may have it at once.
UPDATE actor_wishes SET taken_at = '-infinity' WHERE id = :id AND taken_by = :node AND answered_at IS NULL

-- name: refuse_wishes
-- No node carries another: those that nobody has taken are answered so.
UPDATE actor_wishes SET answered_at = now(), "full" = true, why = :why
WHERE answered_at IS NULL
  AND (taken_at IS NULL OR taken_by <> :node AND taken_at < now() - make_interval(secs => :rival_s))

-- name: hold_lease
-- :holder does the rounds for :for_s seconds from now. No row: somebody else does.
INSERT INTO steward_lease (holder, until) VALUES (:holder, now() + make_interval(secs => :for_s))
ON CONFLICT (one) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE steward_lease.holder = excluded.holder OR steward_lease.until < now()
RETURNING holder
