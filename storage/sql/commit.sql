-- The batch commit: states and log of what a host has decided. Rows of other tables go with it: records.sql.

-- name: commit
-- The fence, the states and the log of everything decided since the last commit, across rooms. Rooms whose epoch or
-- previous seq is not what their owner believes, or whose state was changed by somebody else, are left out of the
-- answer: their owner is fenced, and nothing of theirs is written.
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
), logged AS (
    INSERT INTO actions (room_id, epoch, seq, game, hand, user_id, user_name, command_id, command, answer, events,
                         patch, outside, private, entropy, at, versions)
    SELECT l.room_id, held.epoch, l.seq, l.game, l.hand, l.user_id, l.user_name, l.command_id, l.command, l.answer,
           l.events, l.patch, l.outside, l.private, l.entropy, l.at,
           l.versions
    FROM unnest(:log_room_id::text[], :log_seq::bigint[], :log_game::integer[], :log_hand::integer[],
                :log_user_id::text[], :log_user_name::text[], :log_command_id::text[], :log_command::text[],
                :log_answer::text[], :log_events::text[], :log_patch::text[], :log_outside::text[],
                :log_private::text[], :log_entropy::bytea[], :log_at::bigint[],
                :log_versions::smallint[])
        AS l (room_id, seq, game, hand, user_id, user_name, command_id, command, answer, events, patch, outside,
              private, entropy, at, versions)
    JOIN held ON held.room_id = l.room_id
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
)
INSERT INTO actions (room_id, epoch, seq, game, hand, user_id, user_name, command_id, command, answer, events, patch,
                     outside, private, entropy, at, versions)
SELECT room_id, epoch, :state_seq, :log_game, :log_hand, :log_user_id, :log_user_name, :log_command_id, :log_command,
       :log_answer, :log_events, :log_patch, :log_outside, :log_private, :log_entropy, :state_at,
       :log_versions
FROM held
RETURNING room_id
