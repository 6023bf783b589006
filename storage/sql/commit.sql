-- The batch commit: states and log of what a host has decided. Rows of other tables go with it: records.sql.

-- name: commit
-- The fence, the states, the log and the commands of everything decided since the last commit, across rooms. Rooms
-- whose epoch or previous seq is not what their owner believes, or whose state was changed by somebody else, are left
-- out of the answer: their owner is fenced, and nothing of theirs is written.
WITH input AS (
    SELECT * FROM unnest(:state_room_id::text[], :state_epoch::bigint[], :state_prev::bigint[], :state_seq::bigint[],
                         :state_state::text[], :state_at::bigint[])
        AS i (room_id, epoch, prev, seq, state, at)
), held AS (
    UPDATE game_states g SET seq = i.seq, state = i.state, updated_at = i.at, checksum = state_checksum(i.seq, i.state)
    FROM input i
    WHERE g.room_id = i.room_id AND g.epoch = i.epoch AND g.seq = i.prev
      AND (g.checksum = state_checksum(g.seq, g.state) OR g.checksum >> 32 IS DISTINCT FROM g.seq)
    RETURNING g.room_id, g.epoch
), decided AS (
    SELECT l.*, held.epoch
    FROM unnest(:log_room_id::text[], :log_seq::bigint[], :log_user_id::text[], :log_command_id::text[],
                :log_entropy::bytea[], :log_body::bytea[], :log_at::bigint[], :log_versions::smallint[],
                :log_key::bytea[], :log_mark::integer[], :log_answer::text[])
        AS l (room_id, seq, user_id, command_id, entropy, body, at, versions, key, mark, answer)
    JOIN held ON held.room_id = l.room_id
), known AS (
    INSERT INTO commands (key, seq, mark, day, answer)
    SELECT encode(key, 'hex')::uuid, seq, mark, at / 86400000, answer FROM decided WHERE key IS NOT NULL
), logged AS (
    INSERT INTO log (seq, epoch, at, versions, room_id, user_id, command_id, entropy, body)
    SELECT seq, epoch, at, versions, room_id, user_id, command_id, entropy, body FROM decided
)
SELECT room_id FROM held

-- name: commit_one
-- As `commit`, for a batch of one update: at a quiet table it takes a quarter less of Postgres's time.
WITH held AS (
    UPDATE game_states SET seq = :state_seq, state = :state_state, updated_at = :state_at,
                           checksum = state_checksum(:state_seq, :state_state)
    WHERE room_id = :state_room_id AND epoch = :state_epoch AND seq = :state_prev
      AND (checksum = state_checksum(seq, state) OR checksum >> 32 IS DISTINCT FROM seq)
    RETURNING room_id, epoch
), known AS (
    INSERT INTO commands (key, seq, mark, day, answer)
    SELECT encode(:log_key::bytea, 'hex')::uuid, :state_seq, :log_mark, :state_at / 86400000, :log_answer FROM held
    WHERE :log_key IS NOT NULL
)
INSERT INTO log (seq, epoch, at, versions, room_id, user_id, command_id, entropy, body)
SELECT :state_seq, epoch, :state_at, :log_versions, room_id, :log_user_id, :log_command_id, :log_entropy, :log_body
FROM held
RETURNING room_id
