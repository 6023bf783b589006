-- States that are kept: from the start of each round, for replay, and those that a host keeps or removes.

-- name: keep_checkpoint
-- The state :state of room :room_id at seq :seq, kept at :at; one that is there already stays, unless :overwrite. Gives
-- when it was kept.
INSERT INTO checkpoints AS c (room_id, seq, state, at) VALUES (:room_id, :seq, :state, :at)
ON CONFLICT (room_id, seq) DO UPDATE
SET state = CASE WHEN :overwrite::boolean THEN excluded.state ELSE c.state END,
    body = CASE WHEN :overwrite::boolean THEN NULL ELSE c.body END,
    at = CASE WHEN :overwrite::boolean THEN excluded.at ELSE c.at END
RETURNING at

-- name: kept_checkpoint
-- The checkpoint of room :room_id at seq :seq, or its last.
SELECT seq, state, at FROM kept_states WHERE room_id = :room_id
  AND (:seq::bigint IS NULL OR seq = :seq) ORDER BY seq DESC LIMIT 1

-- name: kept_versions
-- The checkpoints of room :room_id before seq :before, the newest first, at most :most.
SELECT seq, state, at FROM kept_states WHERE room_id = :room_id AND seq < :before ORDER BY seq DESC LIMIT :most

-- name: checkpoint_first
-- The oldest checkpoint of room :room_id.
SELECT seq, state FROM kept_states WHERE room_id = :room_id ORDER BY seq LIMIT 1

-- name: checkpoint_before
-- The last checkpoint of room :room_id at or before seq :seq.
SELECT seq, state FROM kept_states WHERE room_id = :room_id AND seq <= :seq ORDER BY seq DESC LIMIT 1

-- name: checkpoint_from
-- The first checkpoint of room :room_id at or after seq :seq.
SELECT seq, state FROM kept_states WHERE room_id = :room_id AND seq >= :seq ORDER BY seq LIMIT 1

-- name: log_expired
-- Whether the updates of room :room_id after its checkpoint at :seq are gone with the days of the log: the checkpoint
-- is from before the first day that there is, and nothing up to the next update is left. Else it is a hole.
SELECT c.at < coalesce((
           SELECT min(to_date(right(d.relname, 8), 'YYYYMMDD') - date '1970-01-01') * 86400000::bigint
           FROM pg_inherits i JOIN pg_class d ON d.oid = i.inhrelid
           WHERE i.inhparent = 'log'::regclass AND d.relname ~ '^log_[0-9]{8}$'), 0)
       AND NOT EXISTS (
           SELECT FROM history h
           WHERE h.room_id = c.room_id AND h.page <= (c.seq + 1) >> 6 AND h.seq <= c.seq + 1) AS expired
FROM checkpoints c WHERE c.room_id = :room_id AND c.seq = :seq
