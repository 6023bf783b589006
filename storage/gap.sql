-- name: gap
-- What user $2 missed of room $1 after seq $3: a row an update, oldest first, if there are at most $4 of them; else one row
-- without. Every row also says how far the room is (`stands`), whether he is inside (seated or watching), and which seat he
-- holds by which grant. No row: no such room.
SELECT g.seq AS stands,
       m.role IS NOT NULL AND m.role <> 'approved' AS inside, m.seat_index, m.seat_token,
       a.seq, a.epoch, a.at, a.events, a.patch, a.outside, a.private
FROM game_states g
LEFT JOIN admitted m ON m.room_id = g.room_id AND m.user_id = $2
LEFT JOIN actions a ON a.room_id = g.room_id AND a.seq > $3 AND a.seq <= g.seq AND g.seq - $3 <= $4
WHERE g.room_id = $1
ORDER BY a.seq
