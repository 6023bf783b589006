-- The log: the updates of a room in order, and what some have missed of them. `history` has it, whatever shape its rows
-- were written in; `page` (seq >> 6) is what its index knows beside the room.

-- name: gap
-- The updates that each user in :users missed of the room in :rooms after the seq in :afters: a row an update, oldest
-- first, if there are at most :most of them; else one row without. `number` says for which of them a row is, from 1.
-- Every row also says how far the room is (`stands`), at which epoch the update of the seq in :afters was committed, if
-- the log has it (`held`), whether they are inside (seated or watching), whether they have a part in it (are inside, or
-- the host), and which seat they hold by which grant. No row: no such room, or a private one in which they never had a
-- part. The log is looked through for :within ms before the room's last update: some of its days, and not all.
SELECT asked.number, g.seq AS stands, before.epoch AS held,
       m.role IS NOT NULL AND m.role <> 'approved' AS inside,
       m.role IS NOT NULL AND (m.role <> 'approved' OR m.is_host) AS has_part, m.seat_index, m.seat_token,
       a.seq, a.epoch, a.at, a.user_id, a.command_id, a.body
FROM unnest(:rooms::text[], :users::text[], :afters::bigint[]) WITH ORDINALITY
    AS asked (room_id, user_id, after, number)
JOIN game_states g ON g.room_id = asked.room_id
JOIN rooms r ON r.id = asked.room_id AND (
    r.visibility = 'public' OR r.host_id = asked.user_id
    OR EXISTS (SELECT 1 FROM room_players p WHERE p.room_id = r.id AND p.user_id = asked.user_id))
LEFT JOIN LATERAL (
    SELECT epoch FROM history
    WHERE room_id = g.room_id AND page = asked.after >> 6 AND seq = asked.after AND at >= g.updated_at - :within::bigint
    LIMIT 1
) before ON true
LEFT JOIN admitted m ON m.room_id = g.room_id AND m.user_id = asked.user_id
LEFT JOIN LATERAL (
    SELECT * FROM history
    WHERE room_id = g.room_id AND page BETWEEN asked.after >> 6 AND g.seq >> 6
      AND at >= g.updated_at - :within
      AND seq > asked.after AND seq <= g.seq AND g.seq - asked.after <= :most
    ORDER BY seq LIMIT :most
) a ON true
ORDER BY asked.number, a.seq

-- name: behind
-- Which of these rooms are not at the seq or not at the epoch given for them, and where they are (nowhere, when there
-- is no such room any more). `held` is the epoch at which the update of the given seq was committed, if the log has it.
SELECT known.room_id, g.seq, g.epoch, a.epoch AS held
FROM unnest(:rooms::text[], :seqs::bigint[], :epochs::bigint[]) AS known (room_id, seq, epoch)
LEFT JOIN game_states g ON g.room_id = known.room_id
LEFT JOIN LATERAL (
    SELECT epoch FROM history WHERE room_id = known.room_id AND page = known.seq >> 6 AND seq = known.seq LIMIT 1
) a ON true
WHERE g.seq IS DISTINCT FROM known.seq OR g.epoch IS DISTINCT FROM known.epoch

-- name: log_from
-- The updates of room :room_id from seq :seq itself on, oldest first, at most :most, each with how far the room is
-- (`stands`). One row with nothing but that, if there are none. No row: no such room.
SELECT g.seq AS stands, a.seq, a.epoch, a.at, a.user_id, a.command_id, a.body
FROM game_states g
LEFT JOIN LATERAL (
    SELECT * FROM history
    WHERE room_id = g.room_id AND page BETWEEN :seq::bigint >> 6 AND g.seq >> 6 AND seq >= :seq AND seq <= g.seq
    ORDER BY page, seq LIMIT :most
) a ON true
WHERE g.room_id = :room_id ORDER BY a.seq

-- name: log_after
-- The updates of room :room_id after seq :after, oldest first, at most :most.
SELECT seq, epoch, at, user_id, command_id, body FROM history
WHERE room_id = :room_id AND page >= :after::bigint >> 6 AND seq > :after ORDER BY page, seq LIMIT :most

-- name: log_last
-- The last :most updates of each of these rooms up to its seq in :seqs, oldest first, with what is needed to answer a
-- repeated command: `number` says of which of them a row is, from 1.
SELECT asked.number, h.seq, h.epoch, h.at, h.versions, h.user_id, h.command_id, h.body
FROM unnest(:rooms::text[], :seqs::bigint[]) WITH ORDINALITY AS asked (room_id, seq, number)
JOIN LATERAL (
    SELECT seq, epoch, at, versions, user_id, command_id, body FROM history
    WHERE room_id = asked.room_id AND page BETWEEN (asked.seq - :most::integer) >> 6 AND asked.seq >> 6
      AND seq > asked.seq - :most AND seq <= asked.seq
) h ON true
ORDER BY asked.number, h.seq

-- name: log_commands
-- The commands themselves after seq :after, for replay.
SELECT seq, epoch, at, versions, user_id, command_id, entropy, body FROM history
WHERE room_id = :room_id AND page >= :after::bigint >> 6 AND seq > :after ORDER BY page, seq LIMIT :most

-- name: answers
-- The answers to those of these commands that were committed before, by their keys (`commands`), or by what the log had
-- of them when there were no keys yet: `number` says to which, from 1. With them the log's row, where it is there.
SELECT asked.number, given.seq, given.mark, given.answer, a.epoch, a.at, a.versions, a.user_id, a.command_id, a.body
FROM unnest(:keys::bytea[], :rooms::text[], :users::text[], :commands::text[]) WITH ORDINALITY
    AS asked (key, room_id, user_id, command_id, number)
JOIN LATERAL (
    SELECT seq, mark, answer FROM commands WHERE key = encode(asked.key, 'hex')::uuid
    UNION ALL
    SELECT seq, NULL, answer FROM actions_before
    WHERE room_id = asked.room_id AND user_id = asked.user_id AND command_id = asked.command_id AND user_id <> ''
) given ON true
LEFT JOIN LATERAL (
    SELECT * FROM history WHERE room_id = asked.room_id AND page = given.seq >> 6 AND seq = given.seq LIMIT 1
) a ON true

-- name: make_log_days
-- The log's days from :first to :last, made where they are not there.
SELECT make_log_days(:first, :last) AS made

-- name: settle_log
-- Whether commands from before the log went by days need not be looked for any more.
SELECT settle_log() AS settled

-- name: clear_commands
-- Forget the commands of before day :before that lie in :most pages of their table from page :page on; how many pages
-- it has, and how many commands were forgotten. Nobody who plays waits for it.
WITH gone AS (
    DELETE FROM commands
    WHERE ctid >= ('(' || :page::bigint || ',0)')::tid AND ctid < ('(' || :page + :most::bigint || ',0)')::tid
      AND day < :before
    RETURNING 1
)
SELECT pg_relation_size('commands') / current_setting('block_size')::bigint AS pages, count(*) AS forgotten FROM gone
