-- Which actor has which room, and which actors there are. Locks go actor, state, room.

-- name: locate
-- Where each of these rooms is, if there is such a room: its epoch, and its actor's name and address (both null when
-- nobody owns it); and if it could not be read lately, at which seq, and what was found.
SELECT g.room_id, g.epoch, a.name, a.address, u.seq AS unread_seq, u.code AS unread_code, u.found AS unread_found
FROM game_states g JOIN rooms r ON r.id = g.room_id LEFT JOIN room_actors a ON a.name = r.actor
LEFT JOIN unreadable_rooms u ON u.room_id = g.room_id AND u.again_at > now()
WHERE g.room_id = ANY(:rooms::text[])

-- name: hosts_of_actors
-- Of each node with actors that beat, where one of them listens.
SELECT DISTINCT ON (node) address FROM room_actors
WHERE alive_at > now() - interval '6 seconds' ORDER BY node, started_at DESC

-- name: place
-- Give those of :rooms whose epoch is still the one in :epochs to a live actor with room to spare other than :avoid, as
-- many as it has room for: the fullest, so that spares stay spare; if there is a choice, on a node whose actors all
-- answer, and not one that is crowded. A room that is not in the answer: the race was lost, somebody is about to write
-- it, or there was no such actor, or no room in it. Locks go actor, state, room; there is one actor in it, and no state
-- is waited for, so two of these never wait for each other. An epoch is no count: it is the seconds since 1970 times
-- 2^21, and on top of it a number drawn by lot; higher than the one before, and never given twice, not even by a
-- database that has gone back and no longer knows which it gave. So a number of the log and its epoch name one update
-- and all that was before it. It stays below 2^53.
WITH free AS (
    SELECT name FROM roomy_actors WHERE name IS DISTINCT FROM :avoid
    ORDER BY node IN (SELECT node FROM room_actors WHERE suspect_at > now() - interval '6 seconds'),
             crowded(measured), rooms DESC, started_at
    LIMIT 1
), taker AS MATERIALIZED (
    SELECT a.name, a.address, a.capacity - a.rooms AS places FROM room_actors a JOIN free ON free.name = a.name
    FOR UPDATE OF a
), held AS MATERIALIZED (
    SELECT g.room_id
    FROM unnest(:rooms::text[], :epochs::bigint[]) WITH ORDINALITY AS asked (room_id, epoch, number)
    JOIN taker ON asked.number <= taker.places
    JOIN game_states g ON g.room_id = asked.room_id AND g.epoch = asked.epoch
    FOR UPDATE OF g SKIP LOCKED
), counted AS (
    UPDATE room_actors a SET rooms = a.rooms + placed.rooms
    FROM taker, (SELECT count(*)::integer AS rooms FROM held) placed
    WHERE a.name = taker.name AND placed.rooms > 0
), raised AS (
    UPDATE game_states g
    SET epoch = greatest(g.epoch, extract(epoch FROM clock_timestamp())::bigint << 21) + 1
                + (random() * 2000000)::bigint
    FROM held WHERE g.room_id = held.room_id
    RETURNING g.room_id, g.epoch
), given AS (
    UPDATE rooms SET epoch = raised.epoch, actor = taker.name FROM raised, taker WHERE rooms.id = raised.room_id
    RETURNING rooms.id, rooms.epoch
)
SELECT given.id AS room_id, given.epoch, taker.name, taker.address FROM given, taker

-- name: has_room
-- Whether any live actor but :avoid has room to spare (when `place` found one that another placement filled meanwhile).
SELECT EXISTS (SELECT 1 FROM roomy_actors WHERE name IS DISTINCT FROM :avoid)

-- name: helpers
-- Up to :most living actors for work that any of them does: first those of code :code, and of these those that stay and
-- have least to do.
SELECT name, address FROM room_actors
WHERE alive_at > now() - interval '6 seconds' AND suspect_at IS NULL AND node NOT IN (SELECT address FROM silent_nodes)
ORDER BY code IS NOT DISTINCT FROM :code::text DESC, draining, crowded(measured) IS TRUE, rooms, started_at DESC
LIMIT :most

-- name: raise_epochs
-- The owner's own fence after a commit of unknown outcome, or before a room is loaded again: whatever is still under
-- way for these rooms at these epochs will be refused. Rooms left out of the answer belong to somebody else by now. As
-- in `place`.
WITH raised AS (
    UPDATE game_states g
    SET epoch = greatest(g.epoch, extract(epoch FROM clock_timestamp())::bigint << 21) + 1
                + (random() * 2000000)::bigint
    FROM unnest(:rooms::text[], :epochs::bigint[]) AS mine (room_id, epoch)
    WHERE g.room_id = mine.room_id AND g.epoch = mine.epoch
    RETURNING g.room_id, g.epoch, g.seq
), told AS (
    UPDATE rooms SET epoch = raised.epoch FROM raised WHERE id = raised.room_id
)
SELECT room_id, epoch, seq FROM raised

-- name: taker
-- The actor that `hand_over` would choose: another than :avoid, or :to if it has room.
SELECT name, address FROM roomy_actors WHERE name <> :avoid AND (:to::text IS NULL OR name = :to)
ORDER BY node IN (SELECT node FROM room_actors WHERE suspect_at > now() - interval '6 seconds'),
         crowded(measured), rooms DESC, started_at
LIMIT 1

-- name: hand_over
-- Room :room_id, which :actor has at :epoch, belongs from now on to another with room, or to :to alone if it is given:
-- as in `place`. No row: it is not :actor's at that epoch any more, or there is no other. The count of :actor's rooms
-- is mended by recount_actors, for its row is not to be locked after the room's.
WITH free AS (
    SELECT name FROM roomy_actors WHERE name <> :actor AND (:to::text IS NULL OR name = :to)
    ORDER BY node IN (SELECT node FROM room_actors WHERE suspect_at > now() - interval '6 seconds'),
             crowded(measured), rooms DESC, started_at
    LIMIT 1
), counted AS (
    UPDATE room_actors a SET rooms = a.rooms + 1 FROM free WHERE a.name = free.name AND a.rooms < a.capacity
    RETURNING a.name, a.address
), raised AS (
    UPDATE game_states
    SET epoch = greatest(epoch, extract(epoch FROM clock_timestamp())::bigint << 21) + 1 + (random() * 2000000)::bigint
    FROM counted WHERE room_id = :room_id AND epoch = :epoch
    RETURNING room_id, epoch
), given AS (
    UPDATE rooms SET epoch = raised.epoch, actor = counted.name FROM raised, counted WHERE rooms.id = raised.room_id
    RETURNING rooms.epoch
)
SELECT given.epoch, counted.name, counted.address FROM given, counted

-- name: take_room
-- Room :room_id belongs to no actor any more, at a higher epoch (as in `place`): one that has it is fenced, and whoever
-- comes next places it anew. No row: no such room.
WITH raised AS (
    UPDATE game_states g
    SET epoch = greatest(g.epoch, extract(epoch FROM clock_timestamp())::bigint << 21) + 1
                + (random() * 2000000)::bigint
    WHERE g.room_id = :room_id
    RETURNING g.room_id, g.epoch
), told AS (
    UPDATE rooms SET epoch = raised.epoch, actor = NULL FROM raised WHERE id = raised.room_id
)
SELECT epoch FROM raised

-- name: release_room
-- The owner :actor lets an idle room go.
WITH held AS (
    SELECT room_id FROM game_states WHERE room_id = :room_id AND epoch = :epoch FOR UPDATE
)
UPDATE rooms SET actor = NULL FROM held WHERE id = held.room_id AND actor = :actor

-- name: give_up_room
-- The owner :actor lets a room go that it cannot read, and says why. Nobody tries again for :for_s seconds.
WITH held AS (
    SELECT room_id FROM game_states WHERE room_id = :room_id AND epoch = :epoch FOR UPDATE
), freed AS (
    UPDATE rooms SET actor = NULL FROM held WHERE id = held.room_id AND actor = :actor RETURNING id
)
INSERT INTO unreadable_rooms (room_id, seq, code, found, again_at)
SELECT id, :seq, :code, :found, now() + make_interval(secs => :for_s) FROM freed
ON CONFLICT (room_id) DO UPDATE
SET seq = excluded.seq, code = excluded.code, found = excluded.found, at = now(), again_at = excluded.again_at

-- name: readable_again
DELETE FROM unreadable_rooms WHERE room_id = :room_id

-- name: unreadable_rooms
-- How many rooms cannot be read, by what is answered for them.
SELECT code, count(*) AS rooms FROM unreadable_rooms GROUP BY code

-- name: node_lock
-- For the rest of the transaction no other actor is registered on node :node.
SELECT pg_advisory_xact_lock(hashtextextended('node ' || :node, 0))

-- name: register_actor
-- No row: :most actors live on its node. Of those that did not answer somebody, :suspects count as gone: they may be,
-- and their rooms need another one now.
INSERT INTO room_actors (name, node, pid, address, capacity, code)
SELECT :name, :node, :pid::integer, :address, :capacity::integer, :code::text
FROM room_actors
WHERE node = :node AND alive_at > now() - interval '6 seconds'
HAVING :most::bigint IS NULL OR count(*) - least(count(suspect_at), :suspects::integer) < :most::bigint
RETURNING name

-- name: listed_actor
-- No row: it has not registered yet, or is gone.
SELECT FROM room_actors WHERE name = :name

-- name: beat_actor
-- No row: the actor was given up for dead. `turn` is that of the deployment's secret. Its measures are null when they
-- are as before.
UPDATE room_actors a SET alive_at = now(), suspect_at = NULL, measured = coalesce(beat.measured, a.measured)
FROM (SELECT :name::text AS name, :measured::json AS measured) beat WHERE a.name = beat.name
RETURNING rooms, (SELECT max(turn) FROM deployment_secrets) AS turn

-- name: beat_actors
-- As `beat_actor`, for all of these at once.
UPDATE room_actors a SET alive_at = now(), suspect_at = NULL, measured = coalesce(beat.measured::json, a.measured)
FROM unnest(:names::text[], :measured::text[]) AS beat (name, measured) WHERE a.name = beat.name
RETURNING a.name, rooms, (SELECT max(turn) FROM deployment_secrets) AS turn

-- name: suspect_actor
-- It did not answer: give it no rooms until it beats again.
UPDATE room_actors SET suspect_at = now() WHERE name = :name

-- name: dead_actors
-- Silent for longer than :after_s seconds.
SELECT name, pid, node FROM room_actors WHERE alive_at < now() - make_interval(secs => :after_s)

-- name: forget_actor
DELETE FROM room_actors WHERE name = :name

-- name: retire_spare
-- An empty actor of node :node, no longer needed: it ends by itself when its row is gone.
DELETE FROM room_actors WHERE rooms = 0 AND name = (
    SELECT name FROM room_actors
    WHERE node = :node AND rooms = 0 AND NOT EXISTS (SELECT 1 FROM rooms WHERE actor = room_actors.name)
    ORDER BY started_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING name

-- name: actors
SELECT name, node, pid, address, capacity, rooms, now() - alive_at > interval '6 seconds' AS silent FROM room_actors
ORDER BY started_at

-- name: recount_actors
-- Makes room_actors.rooms what it should be.
UPDATE room_actors a SET rooms = c.rooms
FROM (SELECT a.name, count(r.id)::integer AS rooms FROM room_actors a LEFT JOIN rooms r ON r.actor = a.name
      GROUP BY a.name) c
WHERE a.name = c.name AND a.rooms <> c.rooms

-- name: actor_loads
-- The actors that may be given rooms, with the rooms that they have, and how many actors their nodes carry. None where
-- they are all of one node and none is crowded: there is nothing to be evened out, and no room is counted.
SELECT a.name, a.node, max(n.most) AS most, count(DISTINCT r.id)::integer AS rooms, a.capacity,
       crowded(a.measured) IS TRUE AS crowded
FROM room_actors a JOIN nodes n ON n.address = a.node AND n.beat_at > now() - interval '3 seconds'
LEFT JOIN rooms r ON r.actor = a.name
WHERE a.alive_at > now() - interval '6 seconds' AND a.suspect_at IS NULL AND NOT a.draining
  AND a.node NOT IN (SELECT address FROM drained_nodes)
  AND (SELECT count(DISTINCT node) > 1 OR bool_or(crowded(measured)) FROM room_actors
       WHERE alive_at > now() - interval '6 seconds')
GROUP BY a.name ORDER BY a.name

-- name: quiet_rooms
-- Up to :most rooms of actor :actor in which nothing has happened since :since (ms): those first that were in use last.
SELECT r.id FROM rooms r JOIN game_states g ON g.room_id = r.id
WHERE r.actor = :actor AND g.updated_at < :since ORDER BY g.updated_at DESC LIMIT :most
