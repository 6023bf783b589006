-- Operators, what they did, and the orders that stand.

-- name: add_operator
INSERT INTO operators (name, role, hash, user_id) VALUES (:name, :role, :hash, :user_id)

-- name: operators
SELECT name, role, user_id, created_at, used_at FROM operators ORDER BY name

-- name: operator
-- The operator whose secret has that hash, or who is that user. That they came is written once a minute.
WITH found AS (
    SELECT name, role, used_at FROM operators WHERE hash = :hash OR user_id = :user_id
), used AS (
    UPDATE operators o SET used_at = now() FROM found
    WHERE o.name = found.name AND (found.used_at IS NULL OR found.used_at < now() - interval '1 minute')
)
SELECT name, role FROM found

-- name: remove_operator
DELETE FROM operators WHERE name = :name RETURNING name

-- name: asked_act
-- Before an act: it is written who asks for it.
INSERT INTO operator_acts (at, operator, act, told) VALUES (:at, :operator, :act, :told) RETURNING number

-- name: ended_act
INSERT INTO operator_acts (of, at, operator, act, told, outcome)
VALUES (:of, :at, :operator, :act, '{}', :outcome) RETURNING number

-- name: acts
-- The last :most acts before number :before, newest first; `outcome` null: not known, for whoever did it was ended.
SELECT a.number, a.at, a.operator, a.act, a.told::text AS told, o.outcome
FROM operator_acts a LEFT JOIN operator_acts o ON o.of = a.number
WHERE a.of IS NULL AND (:before::bigint IS NULL OR a.number < :before) ORDER BY a.number DESC LIMIT :most

-- name: give_order
INSERT INTO standing_orders AS s (kind, subject, until, reason, operator, at)
VALUES (:kind, :subject, :until, :reason, :operator, :at)
ON CONFLICT (kind, subject) DO UPDATE
SET until = excluded.until, reason = excluded.reason, operator = excluded.operator, at = excluded.at, number = DEFAULT

-- name: lift_order
DELETE FROM standing_orders WHERE kind = :kind AND subject = :subject RETURNING subject

-- name: orders
-- All that stand at :at (ms), and what they are known by as a whole, if that is not :known; else no row. One row
-- without a kind: there are none.
WITH standing AS (
    SELECT * FROM standing_orders WHERE until IS NULL OR until > :at
), whole AS (
    SELECT count(*) || ' ' || coalesce(sum(number), 0) AS known FROM standing
)
SELECT whole.known, s.kind, s.subject, s.until, s.reason, s.operator, s.at
FROM whole LEFT JOIN standing s ON true WHERE whole.known <> :known ORDER BY s.at, s.kind, s.subject

-- name: clear_orders
DELETE FROM standing_orders WHERE (kind, subject) IN (
    SELECT kind, subject FROM standing_orders WHERE until < :before LIMIT :most FOR UPDATE SKIP LOCKED
)

-- name: drain_actors
-- Actor :actor, or all of node :node, is given no rooms any more, and its rooms go elsewhere.
UPDATE room_actors SET draining = true WHERE name = :actor OR node = :node RETURNING name

-- name: drain_node
-- No actor is started on node :node any more, until that is turned back.
INSERT INTO drained_nodes (address) VALUES (:node) ON CONFLICT (address) DO UPDATE SET why = 'asked'

-- name: undrain_actors
-- The other way: what is left there stays, and more may come. `found`: whether there was anything to be turned back.
WITH unmarked AS (
    DELETE FROM drained_nodes WHERE address = :node RETURNING address
), back AS (
    UPDATE room_actors SET draining = false WHERE (name = :actor OR node = :node) AND draining RETURNING name
)
SELECT EXISTS (SELECT FROM unmarked) OR EXISTS (SELECT FROM back) AS found

-- name: drained
-- How far the drain of actor :actor, or of node :node, has come: whether it is drained, its actors, and their rooms.
-- `draining` of an actor that has ended is null. `by_node`: whether the actor is drained because its node is.
SELECT bool_or(a.draining) AS draining, count(DISTINCT a.name)::integer AS actors, count(r.id)::integer AS rooms,
       EXISTS (SELECT FROM drained_nodes WHERE address = :node) AS node_draining,
       coalesce(bool_or(a.node IN (SELECT address FROM drained_nodes)), false) AS by_node
FROM room_actors a LEFT JOIN rooms r ON r.actor = a.name WHERE a.name = :actor OR a.node = :node

-- name: known_machine
-- Whether there is an actor, or a node, of that name.
SELECT EXISTS (SELECT FROM room_actors WHERE name = :named) AS actor,
       EXISTS (SELECT FROM nodes WHERE address = :named) OR EXISTS (SELECT FROM room_actors WHERE node = :named)
       OR EXISTS (SELECT FROM drained_nodes WHERE address = :named) AS node

-- name: drain_newcomers
-- Actors that came up on a node when it was drained already.
UPDATE room_actors SET draining = true WHERE NOT draining AND node IN (SELECT address FROM drained_nodes)

-- name: drained_rooms
-- Up to :most rooms that are to leave their actors.
SELECT r.id, r.actor FROM rooms r JOIN room_actors a ON a.name = r.actor WHERE a.draining ORDER BY r.id LIMIT :most

-- name: drained_actor
-- An actor that was drained, and has no room any more: it ends by itself when its row is gone.
DELETE FROM room_actors WHERE draining AND name = (
    SELECT name FROM room_actors a WHERE draining AND NOT EXISTS (SELECT 1 FROM rooms WHERE actor = a.name)
    ORDER BY started_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING name
