-- States that are kept: from the start of each round, for replay, and those that a host keeps or removes.

-- name: keep_checkpoint
-- The state :state of room :room_id at seq :seq, kept for its host at :at; one that is there already stays, unless
-- :overwrite. Gives when it was kept.
INSERT INTO checkpoints AS c (room_id, seq, state, at) VALUES (:room_id, :seq, :state, :at)
ON CONFLICT (room_id, seq) DO UPDATE
SET state = CASE WHEN :overwrite::boolean THEN excluded.state ELSE c.state END,
    at = CASE WHEN :overwrite::boolean THEN excluded.at ELSE c.at END
RETURNING at

-- name: kept_checkpoint
-- The checkpoint of room :room_id at seq :seq, or its last.
SELECT seq, state, at FROM kept_states WHERE room_id = :room_id
  AND (:seq::bigint IS NULL OR seq = :seq) ORDER BY seq DESC LIMIT 1

-- name: checkpoint_first
-- The oldest checkpoint of room :room_id.
SELECT seq, state FROM kept_states WHERE room_id = :room_id ORDER BY seq LIMIT 1

-- name: checkpoint_before
-- The last checkpoint of room :room_id at or before seq :seq.
SELECT seq, state FROM kept_states WHERE room_id = :room_id AND seq <= :seq ORDER BY seq DESC LIMIT 1

-- name: checkpoint_from
-- The first checkpoint of room :room_id at or after seq :seq.
SELECT seq, state FROM kept_states WHERE room_id = :room_id AND seq >= :seq ORDER BY seq LIMIT 1

-- name: remove_kept
-- All that is kept of closed room :room_id but its last state.
WITH closed AS (
    SELECT id FROM rooms WHERE id = :room_id AND status = 'closed'
), log AS (
    DELETE FROM log USING closed WHERE log.room_id = closed.id
), known AS (
    DELETE FROM commands USING closed
    WHERE key BETWEEN (room_key(closed.id) || repeat('0', 16))::uuid AND (room_key(closed.id) || repeat('f', 16))::uuid
), older AS (
    DELETE FROM actions_before USING closed WHERE actions_before.room_id = closed.id
), kept AS (
    DELETE FROM checkpoints USING closed WHERE checkpoints.room_id = closed.id
), rounds AS (
    DELETE FROM round_states USING closed WHERE round_states.room_id = closed.id
)
SELECT id FROM closed
