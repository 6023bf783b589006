-- A room: opened, loaded, and where it stands. Each query of these files follows its name; tavola.storage.postgres
-- reads them.

-- name: create_room
-- One room with its host admitted and its first state; it closes at :alarm_at (ms) if nobody comes, and where that is
-- null its host counts as there. `outcome`: it was made; or this creation was made before (rooms_created_once); or too
-- many: its host has :most_hosted open rooms (`hosted`), or has opened :most_opened in the minute before :at, the first
-- of these then (`opened_at`). 0: as many as they like.
SELECT outcome, hosted, opened_at FROM open_room(
    :room_id, :code, :game, :settings, :host_id, :host_name, :max_players, :at, :creation_id, :alarm_at, :reserved,
    :reserved_for, :state, :checkpoint, :most_hosted, :most_opened)

-- name: created_room
-- The room that a host's creation of that id made and its state as it was opened (null when its history was removed).
SELECT r.id, c.state FROM rooms r LEFT JOIN checkpoints c ON c.room_id = r.id AND c.seq = 0
WHERE r.host_id = :host_id AND r.creation_id = :creation_id

-- name: load_room
-- Those of these rooms that there are. `intact`: the state is as an owner wrote it, as far as that is known. `unread`:
-- it could not be read before.
SELECT r.id, r.code, r.game, r.settings, r.deferred, r.status, r.host_id, r.actor, r.alarm_at, g.epoch, g.seq, g.state,
       g.checksum = state_checksum(g.seq, g.state) OR g.checksum >> 32 IS DISTINCT FROM g.seq AS intact,
       EXISTS (SELECT 1 FROM unreadable_rooms u WHERE u.room_id = r.id) AS unread,
       (SELECT coalesce(json_object_agg(p.user_id, json_build_object(
                   'display_name', p.display_name, 'status', p.status, 'changed_at', p.changed_at,
                   'watching', s.user_id IS NOT NULL, 'banned', p.banned,
                   'leaves_at', p.leaves_at, 'idle', p.idle)), '{}')
        FROM room_players p LEFT JOIN room_spectators s USING (room_id, user_id)
        WHERE p.room_id = r.id) AS members
FROM rooms r JOIN game_states g ON g.room_id = r.id
WHERE r.id = ANY(:rooms::text[])

-- name: load_glimpse
-- As `load_room`, with no member but user :user_id: all that it takes to show the room to somebody who has no part in
-- it.
SELECT r.id, r.code, r.game, r.settings, r.deferred, r.status, r.host_id, g.epoch, g.seq, g.state,
       g.checksum = state_checksum(g.seq, g.state) OR g.checksum >> 32 IS DISTINCT FROM g.seq AS intact,
       (SELECT coalesce(json_object_agg(p.user_id, json_build_object(
                   'display_name', p.display_name, 'status', p.status, 'changed_at', p.changed_at,
                   'watching', s.user_id IS NOT NULL, 'banned', p.banned,
                   'leaves_at', p.leaves_at, 'idle', p.idle)), '{}')
        FROM room_players p LEFT JOIN room_spectators s USING (room_id, user_id)
        WHERE p.room_id = r.id AND p.user_id = :user_id) AS members
FROM rooms r JOIN game_states g ON g.room_id = r.id
WHERE r.id = :room_id

-- name: positions
-- (epoch, seq) of each of these rooms.
SELECT room_id, epoch, seq FROM game_states WHERE room_id = ANY(:rooms::text[])

-- name: owned_room
-- All that the host's part in a room depends on.
SELECT r.host_id, r.status, g.seq FROM rooms r JOIN game_states g ON g.room_id = r.id WHERE r.id = :room_id

-- name: overdue
-- Rooms whose alarm should have been answered by now and whose actor is not there to do it: those where play waits for
-- it or somebody is there, or, with :quiet, the others, which are in no hurry. One that could not
-- be read is tried again later.
SELECT r.id FROM rooms r LEFT JOIN room_actors a ON a.name = r.actor
WHERE r.alarm_at < :before AND r.status <> 'closed' AND (a.name IS NULL OR a.alive_at < now() - interval '6 seconds')
  AND (r.present = 0 AND r.status <> 'playing') = :quiet::boolean
  AND NOT EXISTS (SELECT 1 FROM unreadable_rooms u WHERE u.room_id = r.id AND u.again_at > now())
ORDER BY r.alarm_at LIMIT :most

-- name: unminded
-- Open rooms without an alarm, in no actor, after the one that was opened at :created_at (ms) and has the id :after, in
-- the order of their opening: nobody would ever end them.
SELECT r.id, r.created_at FROM rooms r LEFT JOIN room_actors a ON a.name = r.actor
WHERE r.status <> 'closed' AND r.alarm_at IS NULL AND (r.created_at, r.id) > (:created_at, :after::text)
  AND (a.name IS NULL OR a.alive_at < now() - interval '6 seconds')
ORDER BY r.created_at, r.id LIMIT :most
