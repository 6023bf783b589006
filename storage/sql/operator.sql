-- For an operator to look at. None of these writes, and who asks shows nothing secret: what is to be seen of a row of
-- `operator_log` is its events.

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
       suspect_at IS NOT NULL AS suspect, draining, (extract(epoch FROM started_at) * 1000)::bigint AS started_at,
       count(*) OVER () AS total
FROM room_actors ORDER BY room_actors.started_at, name LIMIT :most

-- name: operator_log
-- The log of room :room_id after seq :after, at most :most: who did what, and what those at the table were told of it.
SELECT seq, epoch, at, user_id, command_id, body FROM history
WHERE room_id = :room_id AND page >= :after::bigint >> 6 AND seq > :after ORDER BY page, seq LIMIT :most

-- name: names_of
-- The names that these users gave themselves last.
SELECT DISTINCT ON (user_id) user_id, display_name FROM room_players
WHERE user_id = ANY(:users::text[]) ORDER BY user_id, changed_at DESC

-- name: count_rooms
SELECT count(*) AS rooms FROM game_states

-- name: rooms_after
-- Up to :most rooms after room :after, by their ids.
SELECT r.id, r.game FROM rooms r JOIN game_states g ON g.room_id = r.id
WHERE r.id > :after ORDER BY r.id LIMIT :most

-- name: applied_migrations
SELECT name FROM migrations

-- name: all_rooms
-- For an operator.
SELECT r.id, r.code, r.game, r.status, g.seq, r.players + r.spectators AS members, r.actor, a.node, a.pid, g.epoch,
       r.name, r.alarm_at, g.updated_at, octet_length(g.state) AS bytes,
       u.code AS unread_code, u.found AS unread_found, u.at AS unread_at
FROM rooms r JOIN game_states g ON g.room_id = r.id LEFT JOIN room_actors a ON a.name = r.actor
LEFT JOIN unreadable_rooms u ON u.room_id = r.id
WHERE :named::text IS NULL OR r.id = :named OR r.code = :named
ORDER BY r.created_at, r.id
