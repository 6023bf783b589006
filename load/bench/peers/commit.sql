-- One action: state and log in one statement, of a room that nobody else has written to meanwhile.
WITH held AS (
    UPDATE states SET seq = $2, state = $3, updated_at = $4 WHERE room = $1 AND seq = $2::bigint - 1 RETURNING room
)
INSERT INTO actions (room, seq, user_id, action_id, action, events, at)
SELECT room, $2, $5, $6, $7, $8, $4 FROM held
