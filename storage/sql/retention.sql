-- The end of what is kept, in batches: each query says how many rows went. None waits for a row that a commit is at.

-- name: clear_hands
-- Hands that ended before :before.
WITH gone AS (
    DELETE FROM hands WHERE (room_id, game, number) IN (
        SELECT room_id, game, number FROM hands WHERE ended_at < :before
        ORDER BY ended_at LIMIT :most FOR UPDATE SKIP LOCKED
    )
    RETURNING 1
)
SELECT count(*) AS gone FROM gone

-- name: clear_checkpoints
-- The next :most checkpoints after (:since, :room_id, :seq) that were kept before :before go, but for the last of each
-- room. No row: there are no more. The other fields say which was the last that was looked at.
WITH old AS (
    SELECT at, room_id, seq FROM checkpoints WHERE (at, room_id, seq) > (:since, :room_id, :seq) AND at < :before
    ORDER BY at, room_id, seq LIMIT :most
), gone AS (
    DELETE FROM checkpoints c USING old
    WHERE c.room_id = old.room_id AND c.seq = old.seq
      AND EXISTS (SELECT FROM checkpoints n WHERE n.room_id = c.room_id AND n.seq > c.seq)
    RETURNING 1
)
SELECT (SELECT count(*) FROM gone) AS gone, count(*) OVER () AS looked_at, at, room_id, seq FROM old
ORDER BY at DESC, room_id DESC, seq DESC LIMIT 1
