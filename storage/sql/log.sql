-- The log: the updates of a room in order, and what some have missed of them.

-- name: gap
-- The updates that each user in :users missed of the room in :rooms after the seq in :afters: a row an update, oldest
-- first, if there are at most :most of them; else one row without. `number` says for which of them a row is, from 1.
-- Every row also says how far the room is (`stands`), at which epoch the update of the seq in :afters was committed, if
-- the log has it (`held`), whether they are inside (seated or watching), whether they have a part in it (are inside, or
-- the host), and which seat they hold by which grant. No row: no such room, or a private one in which they never had a
-- part.
SELECT asked.number, g.seq AS stands, before.epoch AS held,
       m.role IS NOT NULL AND m.role <> 'approved' AS inside,
       m.role IS NOT NULL AND (m.role <> 'approved' OR m.is_host) AS has_part, m.seat_index, m.seat_token,
       a.seq, a.epoch, a.at, a.events, a.patch, a.outside, a.private
FROM unnest(:rooms::text[], :users::text[], :afters::bigint[]) WITH ORDINALITY
    AS asked (room_id, user_id, after, number)
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
WHERE room_id = :room_id AND seq > :after AND strpos(private, :user_id) > 0 AND strpos(private, 'side"') > 0
ORDER BY seq LIMIT 1

-- name: log_last
-- The last :most updates of room :room_id up to seq :seq, oldest first, with what is needed to answer a repeated
-- command.
SELECT * FROM (
    SELECT seq, epoch, at, events, patch, outside, private, user_id, command_id, command, answer, versions
    FROM actions
    WHERE room_id = :room_id AND seq <= :seq ORDER BY seq DESC LIMIT :most
) last ORDER BY seq

-- name: log_commands
-- The commands themselves after seq :after, for replay.
SELECT seq, epoch, game, hand, user_id, user_name, command_id, command, answer, events, patch, outside, private,
       entropy, at, versions
FROM actions WHERE room_id = :room_id AND seq > :after ORDER BY seq LIMIT :most

-- name: answers
-- The answers to commands that were committed before.
SELECT a.room_id, a.user_id, a.command_id, a.seq, a.command, a.answer, a.versions
FROM unnest(:rooms::text[], :users::text[], :commands::text[]) AS asked (room_id, user_id, command_id)
JOIN actions a ON a.room_id = asked.room_id AND a.user_id = asked.user_id AND a.command_id = asked.command_id
WHERE a.user_id <> ''
