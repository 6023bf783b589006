-- The queries of an operator. None of these writes, none reads a hand, and none but `checkpoint_before` and
-- `log_commands` (in queries.sql), which a room is replayed with, reads a secret.

-- name: operator_rooms
-- The newest rooms, or those that are called :named (id, code, or a part of the name): at most :most, and how many
-- there are.
SELECT r.id, r.code, r.name, r.game, r.status, g.seq, r.players + r.spectators AS members, r.actor, a.node, a.pid,
       g.epoch, g.updated_at, count(*) OVER () AS total
FROM rooms r JOIN game_states g ON g.room_id = r.id LEFT JOIN room_actors a ON a.name = r.actor
WHERE :named::text IS NULL OR r.id = :named OR r.code = upper(:named) OR strpos(lower(r.name), lower(:named)) > 0
ORDER BY r.created_at DESC, r.id LIMIT :most

-- name: operator_actors
SELECT name, node, pid, address, capacity, rooms, now() - alive_at > interval '6 seconds' AS silent,
       suspect_at IS NOT NULL AS suspect, (extract(epoch FROM started_at) * 1000)::bigint AS started_at,
       count(*) OVER () AS total
FROM room_actors ORDER BY room_actors.started_at, name LIMIT :most

-- name: operator_log
-- The log of room :room_id after seq :after, at most :most: who did what, and what those at the table were told of it.
SELECT seq, epoch, at, user_id, user_name, command::json ->> 'type' AS command, events FROM actions
WHERE room_id = :room_id AND seq > :after ORDER BY seq LIMIT :most

-- name: checkpoint_before
-- The last checkpoint of room :room_id at or before seq :seq.
SELECT seq, state FROM checkpoints WHERE room_id = :room_id AND seq <= :seq ORDER BY seq DESC LIMIT 1

-- name: names_of
-- The names that these users gave themselves last.
SELECT DISTINCT ON (user_id) user_id, display_name FROM room_players
WHERE user_id = ANY(:users::text[]) ORDER BY user_id, changed_at DESC
