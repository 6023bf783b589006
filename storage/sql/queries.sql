-- All SQL but the migrations. Each query follows its name; tavola.storage.postgres reads them.

-- name: opening_lock
-- For the rest of the transaction nobody else opens a room for user :user_id: what is counted meanwhile stays true.
SELECT pg_advisory_xact_lock(hashtextextended('opens ' || :user_id, 0))

-- name: opened_rooms
-- How many open rooms user :user_id hosts, up to :most_hosted; and, of the last :most_opened that they opened after
-- :since (ms), when the first was. It is null if there were not so many.
SELECT (SELECT count(*) FROM (SELECT FROM rooms WHERE host_id = :user_id AND status <> 'closed' LIMIT :most_hosted) hosted) AS hosted,
       (SELECT created_at FROM rooms WHERE opened_by = :user_id AND created_at > :since
        ORDER BY created_at DESC OFFSET greatest(:most_opened - 1, 0) LIMIT 1) AS opened_at

-- name: create_room
-- One room with its host admitted and its first state. Nothing when this creation was made before (rooms_created_once).
WITH made AS (
    INSERT INTO rooms (id, code, game, settings, host_id, opened_by, max_players, created_at, creation_id)
    VALUES (:room_id, :code, :game, :settings, :host_id, :host_id, :max_players, :at, :creation_id)
    ON CONFLICT ON CONSTRAINT rooms_created_once DO NOTHING
    RETURNING id
), admitted AS (
    INSERT INTO room_players (room_id, user_id, display_name, status, changed_at)
    SELECT id, :host_id, :host_name, 'approved', :at FROM made
), kept AS (
    INSERT INTO checkpoints (room_id, seq, state, at) SELECT id, 0, :checkpoint, :at FROM made
), state AS (
    INSERT INTO game_states (room_id, state, updated_at) SELECT id, :state, :at FROM made
), session AS (
    -- A user who opens a room is no passer-by any more.
    UPDATE app_sessions SET life = 604800000, expire = expire - life + 604800000
    FROM made WHERE user_id = :host_id AND life < 604800000 AND expire > :at
)
SELECT id FROM made

-- name: created_room
-- The room that a host's creation of that id made, and the room as it was opened (null when its history was removed).
SELECT r.id, c.state FROM rooms r LEFT JOIN checkpoints c ON c.room_id = r.id AND c.seq = 0
WHERE r.host_id = :host_id AND r.creation_id = :creation_id

-- name: room_summary
-- By id or by code.
SELECT id, code, game, settings, status, host_id, players, max_players, spectators, created_at FROM rooms
WHERE id = :room_id OR code = :code
ORDER BY id = :room_id DESC LIMIT 1

-- name: lobby
-- Public rooms, newest first, from the cursor (created_at, id) on.
SELECT id, code, game, settings, status, host_id, players, max_players, spectators, created_at FROM rooms
WHERE visibility = 'public' AND status <> 'closed'
  AND (:game::text IS NULL OR game = :game)
  AND (:status::text IS NULL OR status = :status)
  AND (NOT :open_only::boolean OR players < max_players)
  AND (:created_at::bigint IS NULL OR (created_at, id) < (:created_at, :after::text))
ORDER BY created_at DESC, id DESC
LIMIT :most

-- name: locate
-- Where a room is: its epoch, and its actor's name and address (both null when nobody owns it).
SELECT g.epoch, a.name, a.address
FROM game_states g JOIN rooms r ON r.id = g.room_id LEFT JOIN room_actors a ON a.name = r.actor
WHERE g.room_id = :room_id

-- name: place
-- Give room :room_id to a live actor with room to spare other than :avoid, if its epoch is still :epoch: the fullest,
-- so that spares stay spare. No row: the race was lost, or there was no such actor. A loser of a race may leave its
-- actor counted once too often; recount_actors mends that. Locks go actor, state, room.
-- An epoch is no count: it is the seconds since 1970 times 2^21, and on top of it a number drawn by lot; higher than
-- the one before, and never given twice, not even by a database that has gone back and no longer knows which it gave.
-- So a number of the log and its epoch name one update and all that was before it. It stays below 2^53.
WITH free AS (
    SELECT name FROM room_actors
    WHERE rooms < capacity AND name IS DISTINCT FROM :avoid AND alive_at > now() - interval '6 seconds'
      AND suspect_at IS NULL
    ORDER BY rooms DESC, started_at LIMIT 1
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

-- name: has_room
-- Whether any live actor but :avoid has room to spare (when `place` found one that another placement filled meanwhile).
SELECT EXISTS (SELECT 1 FROM room_actors
               WHERE rooms < capacity AND name IS DISTINCT FROM :avoid AND alive_at > now() - interval '6 seconds'
                 AND suspect_at IS NULL)

-- name: raise_epochs
-- The owner's own fence after a commit of unknown outcome, or before a room is loaded again: whatever is still under
-- way for these rooms at these epochs will be refused. Rooms left out of the answer belong to somebody else by now.
-- As in `place`.
WITH raised AS (
    UPDATE game_states g
    SET epoch = greatest(g.epoch, extract(epoch FROM clock_timestamp())::bigint << 21) + 1 + (random() * 2000000)::bigint
    FROM unnest(:rooms::text[], :epochs::bigint[]) AS mine (room_id, epoch)
    WHERE g.room_id = mine.room_id AND g.epoch = mine.epoch
    RETURNING g.room_id, g.epoch, g.seq
), told AS (
    UPDATE rooms SET epoch = raised.epoch FROM raised WHERE id = raised.room_id
)
SELECT room_id, epoch, seq FROM raised

-- name: release_room
-- The owner :actor lets an idle room go.
WITH held AS (
    SELECT room_id FROM game_states WHERE room_id = :room_id AND epoch = :epoch FOR UPDATE
)
UPDATE rooms SET actor = NULL FROM held WHERE id = held.room_id AND actor = :actor

-- name: load_room
SELECT r.id, r.code, r.game, r.settings, r.status, r.host_id, r.actor, r.alarm_at, g.epoch, g.seq, g.state,
       (SELECT coalesce(json_object_agg(p.user_id, json_build_object(
                   'display_name', p.display_name, 'status', p.status, 'changed_at', p.changed_at,
                   'watching', s.user_id IS NOT NULL, 'banned', p.banned)), '{}')
        FROM room_players p LEFT JOIN room_spectators s USING (room_id, user_id)
        WHERE p.room_id = r.id) AS members
FROM rooms r JOIN game_states g ON g.room_id = r.id
WHERE r.id = :room_id

-- name: load_glimpse
-- As `load_room`, with no member but user :user_id: all that it takes to show the room to somebody who has no part in
-- it.
SELECT r.id, r.code, r.game, r.settings, r.status, r.host_id, g.epoch, g.seq, g.state,
       (SELECT coalesce(json_object_agg(p.user_id, json_build_object(
                   'display_name', p.display_name, 'status', p.status, 'changed_at', p.changed_at,
                   'watching', s.user_id IS NOT NULL, 'banned', p.banned)), '{}')
        FROM room_players p LEFT JOIN room_spectators s USING (room_id, user_id)
        WHERE p.room_id = r.id AND p.user_id = :user_id) AS members
FROM rooms r JOIN game_states g ON g.room_id = r.id
WHERE r.id = :room_id

-- name: positions
-- (epoch, seq) of each of these rooms.
SELECT room_id, epoch, seq FROM game_states WHERE room_id = ANY(:rooms::text[])

-- name: behind
-- Which of these rooms are not at the seq or not at the epoch given for them, and where they are (nowhere, when there
-- is no such room any more). `held` is the epoch at which the update of the given seq was committed, if the log has it.
SELECT known.room_id, g.seq, g.epoch, a.epoch AS held
FROM unnest(:rooms::text[], :seqs::bigint[], :epochs::bigint[]) AS known (room_id, seq, epoch)
LEFT JOIN game_states g ON g.room_id = known.room_id
LEFT JOIN actions a ON a.room_id = known.room_id AND a.seq = known.seq
WHERE g.seq IS DISTINCT FROM known.seq OR g.epoch IS DISTINCT FROM known.epoch

-- name: log_from
-- The updates of room :room_id from seq :seq itself on, oldest first, at most :most, each with how far the room is
-- (`stands`). One row with nothing but that, if there are none. No row: no such room.
SELECT g.seq AS stands, a.seq, a.epoch, a.at, a.events, a.patch, a.outside, a.private
FROM game_states g
LEFT JOIN LATERAL (
    SELECT * FROM actions WHERE room_id = g.room_id AND seq >= :seq AND seq <= g.seq ORDER BY seq LIMIT :most
) a ON true
WHERE g.room_id = :room_id ORDER BY a.seq

-- name: log_after
-- The updates of room :room_id after seq :after, oldest first, at most :most.
SELECT seq, epoch, at, events, patch, outside, private FROM actions
WHERE room_id = :room_id AND seq > :after ORDER BY seq LIMIT :most

-- name: moved_after
-- The first update after seq :after that may have moved user :user_id from one audience to the other.
SELECT seq, epoch, at, events, patch, outside, private FROM actions
WHERE room_id = :room_id AND seq > :after AND strpos(private, :user_id) > 0 AND strpos(private, 'side"') > 0 ORDER BY seq LIMIT 1

-- name: log_last
-- The last :most updates of room :room_id up to seq :seq, oldest first, with what is needed to answer a repeated
-- command.
SELECT * FROM (
    SELECT seq, epoch, at, events, patch, outside, private, user_id, command_id, command, answer FROM actions
    WHERE room_id = :room_id AND seq <= :seq ORDER BY seq DESC LIMIT :most
) last ORDER BY seq

-- name: log_commands
-- The commands themselves after seq :after, for replay.
SELECT seq, epoch, game, hand, user_id, user_name, command_id, command, answer, events, patch, outside, private,
       entropy, at
FROM actions WHERE room_id = :room_id AND seq > :after ORDER BY seq LIMIT :most

-- name: answers
-- The answers to commands that were committed before.
SELECT a.room_id, a.user_id, a.command_id, a.seq, a.command, a.answer
FROM unnest(:rooms::text[], :users::text[], :commands::text[]) AS asked (room_id, user_id, command_id)
JOIN actions a ON a.room_id = asked.room_id AND a.user_id = asked.user_id AND a.command_id = asked.command_id
WHERE a.user_id <> ''

-- name: audience_of
-- Whether user :user_id is inside room :room_id (seated or watching), as the last commit left it. A user who has
-- left, or was put out, may still hold a seat until the hand ends.
SELECT EXISTS (SELECT 1 FROM room_seats JOIN room_players USING (room_id, user_id)
               WHERE room_id = :room_id AND user_id = :user_id AND room_players.status = 'approved')
    OR EXISTS (SELECT 1 FROM room_spectators WHERE room_id = :room_id AND user_id = :user_id) AS inside,
       (SELECT seq FROM game_states WHERE room_id = :room_id) AS seq

-- name: membership
-- The part of user :user_id in room :room_id.
SELECT r.host_id, p.display_name, p.status, s.seat_index, w.user_id IS NOT NULL AS watching
FROM rooms r
LEFT JOIN room_players p ON p.room_id = r.id AND p.user_id = :user_id
LEFT JOIN room_seats s ON s.room_id = r.id AND s.user_id = :user_id
LEFT JOIN room_spectators w ON w.room_id = r.id AND w.user_id = :user_id
WHERE r.id = :room_id

-- name: hidden
-- A row if room :room_id is private and user :user_id never had a part in it.
SELECT id FROM rooms r
WHERE r.id = :room_id AND r.visibility = 'private' AND r.host_id <> :user_id
  AND NOT EXISTS (SELECT 1 FROM room_players p WHERE p.room_id = r.id AND p.user_id = :user_id)

-- name: spectators
SELECT user_id, display_name FROM room_spectators WHERE room_id = :room_id ORDER BY joined_at, user_id

-- name: commit
-- The fence, the states and the log of everything decided since the last commit, across rooms. Rooms whose epoch or
-- previous seq is not what their owner believes are left out of the answer: their owner is fenced, and nothing of
-- theirs is written.
WITH input AS (
    SELECT * FROM unnest(:state_room_id::text[], :state_epoch::bigint[], :state_prev::bigint[], :state_seq::bigint[], :state_state::text[], :state_at::bigint[])
        AS i (room_id, epoch, prev, seq, state, at)
), held AS (
    UPDATE game_states g SET seq = i.seq, state = i.state, updated_at = i.at
    FROM input i
    WHERE g.room_id = i.room_id AND g.epoch = i.epoch AND g.seq = i.prev
    RETURNING g.room_id, g.epoch
), logged AS (
    INSERT INTO actions (room_id, epoch, seq, game, hand, user_id, user_name, command_id, command, answer, events, patch,
                         outside, private, entropy, at)
    SELECT l.room_id, held.epoch, l.seq, l.game, l.hand, l.user_id, l.user_name, l.command_id, l.command, l.answer,
           l.events, l.patch, l.outside, l.private, l.entropy, l.at
    FROM unnest(:log_room_id::text[], :log_seq::bigint[], :log_game::integer[], :log_hand::integer[], :log_user_id::text[], :log_user_name::text[], :log_command_id::text[],
                :log_command::text[], :log_answer::text[], :log_events::text[], :log_patch::text[], :log_outside::text[], :log_private::text[], :log_entropy::bytea[],
                :log_at::bigint[])
        AS l (room_id, seq, game, hand, user_id, user_name, command_id, command, answer, events, patch, outside, private,
              entropy, at)
    JOIN held ON held.room_id = l.room_id
)
SELECT room_id FROM held

-- name: commit_one
-- As `commit`, for a batch of one update: at a quiet table it takes a quarter less of Postgres's time.
WITH held AS (
    UPDATE game_states SET seq = :state_seq, state = :state_state, updated_at = :state_at
    WHERE room_id = :state_room_id AND epoch = :state_epoch AND seq = :state_prev
    RETURNING room_id, epoch
)
INSERT INTO actions (room_id, epoch, seq, game, hand, user_id, user_name, command_id, command, answer, events, patch,
                     outside, private, entropy, at)
SELECT room_id, epoch, :state_seq, :log_game, :log_hand, :log_user_id, :log_user_name, :log_command_id, :log_command, :log_answer, :log_events, :log_patch, :log_outside, :log_private, :log_entropy, :state_at FROM held
RETURNING room_id

-- name: checkpoint_first
-- The oldest checkpoint of room :room_id.
SELECT seq, state FROM checkpoints WHERE room_id = :room_id ORDER BY seq LIMIT 1

-- name: live_actors
-- How many actors live on each node. Of those that did not answer somebody, :suspects count as gone: they may be, and
-- their rooms need another one now.
SELECT node, count(*) - least(count(suspect_at), :suspects::integer) AS actors FROM room_actors
WHERE alive_at > now() - interval '6 seconds' GROUP BY node

-- name: node_lock
-- For the rest of the transaction no other actor is registered on node :node.
SELECT pg_advisory_xact_lock(hashtextextended('node ' || :node, 0))

-- name: register_actor
INSERT INTO room_actors (name, node, pid, address, capacity) VALUES (:name, :node, :pid, :address, :capacity)

-- name: beat_actor
-- No row: the actor was given up for dead. `turn` is that of the deployment's secret.
UPDATE room_actors SET alive_at = now(), suspect_at = NULL WHERE name = :name
RETURNING rooms, (SELECT max(turn) FROM deployment_secrets) AS turn

-- name: suspect_actor
-- It did not answer: give it no rooms until it beats again.
UPDATE room_actors SET suspect_at = now() WHERE name = :name

-- name: dead_actors
-- Silent for longer than :after_s seconds.
SELECT name, pid, node FROM room_actors WHERE alive_at < now() - make_interval(secs => :after_s)

-- name: spare_actors
SELECT count(*) AS spares FROM room_actors
WHERE rooms = 0 AND alive_at > now() - interval '6 seconds' AND suspect_at IS NULL

-- name: forget_actor
DELETE FROM room_actors WHERE name = :name

-- name: retire_spare
-- An empty actor, no longer needed: it ends by itself when its row is gone.
DELETE FROM room_actors WHERE rooms = 0 AND name = (
    SELECT name FROM room_actors WHERE rooms = 0 AND NOT EXISTS (SELECT 1 FROM rooms WHERE actor = room_actors.name)
    ORDER BY started_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING name

-- name: actors
SELECT name, node, pid, address, capacity, rooms, now() - alive_at > interval '6 seconds' AS silent FROM room_actors
ORDER BY started_at

-- name: recount_actors
-- The right values of room_actors.rooms.
UPDATE room_actors a SET rooms = c.rooms
FROM (SELECT a.name, count(r.id)::integer AS rooms FROM room_actors a LEFT JOIN rooms r ON r.actor = a.name
      GROUP BY a.name) c
WHERE a.name = c.name AND a.rooms <> c.rooms

-- name: overdue
-- Rooms whose alarm should have been answered by now and whose actor is not there to do it.
SELECT r.id FROM rooms r LEFT JOIN room_actors a ON a.name = r.actor
WHERE r.alarm_at < :before AND r.status <> 'closed' AND (a.name IS NULL OR a.alive_at < now() - interval '6 seconds')
ORDER BY r.alarm_at LIMIT :most

-- name: all_rooms
-- For an operator.
SELECT r.id, r.code, r.game, r.status, g.seq, r.players + r.spectators AS members, r.actor, a.node, a.pid, g.epoch,
       r.name, r.alarm_at, g.updated_at, octet_length(g.state) AS bytes
FROM rooms r JOIN game_states g ON g.room_id = r.id LEFT JOIN room_actors a ON a.name = r.actor
WHERE :named::text IS NULL OR r.id = :named OR r.code = :named
ORDER BY r.created_at, r.id


-- name: ping
SELECT 1
