-- name: gap
-- The updates that each user in :users missed of the room in :rooms after the seq in :afters: a row an update, oldest
-- first, if there are at most :most of them; else one row without. `number` says for which of them a row is, from 1.
-- Every row also says how far the room is (`stands`), at which epoch the update of the seq in :afters was committed,
-- if the log has it (`held`), whether they are inside (seated or watching), whether they have a part in it (are
-- inside, or the host), and which seat they hold by which grant. No row: no such room, or a private one in which they
-- never had a part.
SELECT asked.number, g.seq AS stands, before.epoch AS held,
       m.role IS NOT NULL AND m.role <> 'approved' AS inside,
       m.role IS NOT NULL AND (m.role <> 'approved' OR m.is_host) AS has_part, m.seat_index, m.seat_token,
       a.seq, a.epoch, a.at, a.events, a.patch, a.outside, a.private
FROM unnest(:rooms::text[], :users::text[], :afters::bigint[]) WITH ORDINALITY AS asked (room_id, user_id, after, number)
JOIN game_states g ON g.room_id = asked.room_id
JOIN rooms r ON r.id = asked.room_id AND (
    r.visibility = 'public' OR r.host_id = asked.user_id
    OR EXISTS (SELECT 1 FROM room_players p WHERE p.room_id = r.id AND p.user_id = asked.user_id))
LEFT JOIN actions before ON before.room_id = g.room_id AND before.seq = asked.after
LEFT JOIN admitted m ON m.room_id = g.room_id AND m.user_id = asked.user_id
LEFT JOIN LATERAL (
    SELECT * FROM actions
    WHERE room_id = g.room_id AND seq > asked.after AND seq <= g.seq AND g.seq - asked.after <= :most
    ORDER BY seq LIMIT :most
) a ON true
ORDER BY asked.number, a.seq
