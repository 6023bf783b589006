-- name: gap
-- What each user in $2 missed of the room in $1 after the seq in $3: a row an update, oldest first, if there are at most $4
-- of them; else one row without. `number` says for which of them a row is, from 1. Every row also says how far the room is
-- (`stands`), whether he is inside (seated or watching), whether he has a part in it (is inside, or the host), and which seat
-- he holds by which grant. No row: no such room.
SELECT asked.number, g.seq AS stands,
       m.role IS NOT NULL AND m.role <> 'approved' AS inside,
       m.role IS NOT NULL AND (m.role <> 'approved' OR m.is_host) AS has_part, m.seat_index, m.seat_token,
       a.seq, a.epoch, a.at, a.events, a.patch, a.outside, a.private
FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS asked (room_id, user_id, after, number)
JOIN game_states g ON g.room_id = asked.room_id
LEFT JOIN admitted m ON m.room_id = g.room_id AND m.user_id = asked.user_id
LEFT JOIN LATERAL (
    SELECT * FROM actions
    WHERE room_id = g.room_id AND seq > asked.after AND seq <= g.seq AND g.seq - asked.after <= $4
    ORDER BY seq LIMIT $4
) a ON true
ORDER BY asked.number, a.seq
