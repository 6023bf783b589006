-- All that is kept of one user, by table. Nothing here tells a secret: of tokens and sessions there are only hashes,
-- and these are left out.

-- name: personal_sessions
SELECT sess ->> 'display_name' AS display_name, (sess ->> 'created_at')::bigint AS began_at, expire AS ends_at
FROM app_sessions WHERE user_id = :user_id ORDER BY 2

-- name: personal_sign_out
SELECT at FROM sign_outs WHERE user_id = :user_id

-- name: personal_rooms
-- The rooms in which user :user_id has a part, or had one and is remembered, or which they opened.
SELECT r.id, r.game, r.name, r.status, r.created_at, r.host_id = :user_id AS is_host,
       r.opened_by IS NOT DISTINCT FROM :user_id AS opened, p.display_name, p.status AS standing, p.changed_at,
       coalesce(p.banned, false) AS banned, s.seat_index, s.chips, s.seated_at, s.last_seen_at,
       w.joined_at AS watches_since,
       (SELECT count(*) FROM rejoin_tokens t WHERE t.room_id = r.id AND t.user_id = :user_id)
           + (SELECT count(*) FROM connection_tokens t WHERE t.room_id = r.id AND t.user_id = :user_id) AS tokens,
       EXISTS (SELECT FROM matches m WHERE m.room_id = r.id AND m.user_id = :user_id) AS sent_there,
       coalesce(r.reserved_for @> ARRAY[:user_id::text], false) AS invited,
       (r.settings -> 'reserved' ->> :user_id)::integer AS reserved_seat
FROM (
    SELECT room_id FROM room_players WHERE user_id = :user_id
    UNION SELECT room_id FROM room_seats WHERE user_id = :user_id
    UNION SELECT room_id FROM room_spectators WHERE user_id = :user_id
    UNION SELECT room_id FROM matches WHERE user_id = :user_id
    UNION SELECT id FROM rooms WHERE host_id = :user_id OR opened_by = :user_id
    UNION SELECT id FROM rooms WHERE reserved_for @> ARRAY[:user_id::text]
) mine
JOIN rooms r ON r.id = mine.room_id
LEFT JOIN room_players p ON p.room_id = r.id AND p.user_id = :user_id
LEFT JOIN room_seats s ON s.room_id = r.id AND s.user_id = :user_id
LEFT JOIN room_spectators w ON w.room_id = r.id AND w.user_id = :user_id
ORDER BY r.created_at, r.id

-- name: personal_commands
-- The commands of user :user_id that the log has, and what they were called: after (:at, :room_id, :seq), oldest first,
-- at most :most.
SELECT room_id, seq, at, user_name, command FROM actions
WHERE user_id = :user_id AND (at, room_id, seq) > (:at, :room_id, :seq)
ORDER BY at, room_id, seq LIMIT :most
