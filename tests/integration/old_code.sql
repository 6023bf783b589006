-- The statements by which code from before migration 0015 reads and writes the log, as they were in its storage/sql.
-- tests/integration/test_old_code.py runs them on today's tables.

-- name: gap
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
SELECT known.room_id, g.seq, g.epoch, a.epoch AS held
FROM unnest(:rooms::text[], :seqs::bigint[], :epochs::bigint[]) AS known (room_id, seq, epoch)
LEFT JOIN game_states g ON g.room_id = known.room_id
LEFT JOIN actions a ON a.room_id = known.room_id AND a.seq = known.seq
WHERE g.seq IS DISTINCT FROM known.seq OR g.epoch IS DISTINCT FROM known.epoch

-- name: log_from
SELECT g.seq AS stands, a.seq, a.epoch, a.at, a.events, a.patch, a.outside, a.private
FROM game_states g
LEFT JOIN LATERAL (
    SELECT * FROM actions WHERE room_id = g.room_id AND seq >= :seq AND seq <= g.seq ORDER BY seq LIMIT :most
) a ON true
WHERE g.room_id = :room_id ORDER BY a.seq

-- name: log_after
SELECT seq, epoch, at, events, patch, outside, private FROM actions
WHERE room_id = :room_id AND seq > :after ORDER BY seq LIMIT :most

-- name: moved_after
SELECT seq, epoch, at, events, patch, outside, private FROM actions
WHERE room_id = :room_id AND seq > :after AND strpos(private, :user_id) > 0 AND strpos(private, 'side"') > 0
ORDER BY seq LIMIT 1

-- name: log_last
SELECT * FROM (
    SELECT seq, epoch, at, events, patch, outside, private, user_id, command_id, command, answer FROM actions
    WHERE room_id = :room_id AND seq <= :seq ORDER BY seq DESC LIMIT :most
) last ORDER BY seq

-- name: log_commands
SELECT seq, epoch, game, hand, user_id, user_name, command_id, command, answer, events, patch, outside, private,
       entropy, at
FROM actions WHERE room_id = :room_id AND seq > :after ORDER BY seq LIMIT :most

-- name: answers
SELECT a.room_id, a.user_id, a.command_id, a.seq, a.command, a.answer
FROM unnest(:rooms::text[], :users::text[], :commands::text[]) AS asked (room_id, user_id, command_id)
JOIN actions a ON a.room_id = asked.room_id AND a.user_id = asked.user_id AND a.command_id = asked.command_id
WHERE a.user_id <> ''

-- name: commit
WITH input AS (
    SELECT * FROM unnest(:state_room_id::text[], :state_epoch::bigint[], :state_prev::bigint[], :state_seq::bigint[],
                         :state_state::text[], :state_at::bigint[])
        AS i (room_id, epoch, prev, seq, state, at)
), held AS (
    UPDATE game_states g SET seq = i.seq, state = i.state, updated_at = i.at
    FROM input i
    WHERE g.room_id = i.room_id AND g.epoch = i.epoch AND g.seq = i.prev
    RETURNING g.room_id, g.epoch
), logged AS (
    INSERT INTO actions (room_id, epoch, seq, game, hand, user_id, user_name, command_id, command, answer, events,
                         patch, outside, private, entropy, at)
    SELECT l.room_id, held.epoch, l.seq, l.game, l.hand, l.user_id, l.user_name, l.command_id, l.command, l.answer,
           l.events, l.patch, l.outside, l.private, l.entropy, l.at
    FROM unnest(:log_room_id::text[], :log_seq::bigint[], :log_game::integer[], :log_hand::integer[],
                :log_user_id::text[], :log_user_name::text[], :log_command_id::text[], :log_command::text[],
                :log_answer::text[], :log_events::text[], :log_patch::text[], :log_outside::text[],
                :log_private::text[], :log_entropy::bytea[], :log_at::bigint[])
        AS l (room_id, seq, game, hand, user_id, user_name, command_id, command, answer, events, patch, outside,
              private, entropy, at)
    JOIN held ON held.room_id = l.room_id
)
SELECT room_id FROM held

-- name: commit_one
WITH held AS (
    UPDATE game_states SET seq = :state_seq, state = :state_state, updated_at = :state_at
    WHERE room_id = :state_room_id AND epoch = :state_epoch AND seq = :state_prev
    RETURNING room_id, epoch
)
INSERT INTO actions (room_id, epoch, seq, game, hand, user_id, user_name, command_id, command, answer, events, patch,
                     outside, private, entropy, at)
SELECT room_id, epoch, :state_seq, :log_game, :log_hand, :log_user_id, :log_user_name, :log_command_id, :log_command,
       :log_answer, :log_events, :log_patch, :log_outside, :log_private, :log_entropy, :state_at
FROM held
RETURNING room_id

-- name: keep_checkpoint
INSERT INTO checkpoints AS c (room_id, seq, state, at) VALUES (:room_id, :seq, :state, :at)
ON CONFLICT (room_id, seq) DO UPDATE
SET state = CASE WHEN :overwrite::boolean THEN excluded.state ELSE c.state END,
    at = CASE WHEN :overwrite::boolean THEN excluded.at ELSE c.at END
RETURNING at

-- name: kept_checkpoint
SELECT seq, state, at FROM checkpoints WHERE room_id = :room_id
  AND (:seq::bigint IS NULL OR seq = :seq) ORDER BY seq DESC LIMIT 1

-- name: checkpoint_first
SELECT seq, state FROM checkpoints WHERE room_id = :room_id ORDER BY seq LIMIT 1

-- name: checkpoint_before
SELECT seq, state FROM checkpoints WHERE room_id = :room_id AND seq <= :seq ORDER BY seq DESC LIMIT 1

-- name: remove_kept
WITH closed AS (
    SELECT id FROM rooms WHERE id = :room_id AND status = 'closed'
), log AS (
    DELETE FROM actions USING closed WHERE actions.room_id = closed.id
), kept AS (
    DELETE FROM checkpoints USING closed WHERE checkpoints.room_id = closed.id
)
SELECT id FROM closed

-- name: operator_log
SELECT seq, epoch, at, user_id, user_name, command::json ->> 'type' AS command, events FROM actions
WHERE room_id = :room_id AND seq > :after ORDER BY seq LIMIT :most
