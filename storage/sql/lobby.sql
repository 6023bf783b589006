-- Matchmaking. Callers for one game and options go one after the other: match_lock, then the others in its transaction.

-- name: match_lock
-- Until the transaction ends, nobody else is matched for $1.
SELECT pg_advisory_xact_lock(hashtextextended('match ' || $1, 0))

-- name: match_again
-- Where user $1 was sent before: by the same request ($2), or, at $3, to a seat at a table of game $4 with options $5
-- that is still kept for him.
SELECT m.room_id FROM matches m JOIN rooms r ON r.id = m.room_id
WHERE m.user_id = $1
  AND (m.key = $2
       OR (m.expires_at > $3 AND r.game = $4 AND r.options::jsonb = $5::text::jsonb AND r.visibility = 'public'
           AND r.approval = 'auto' AND r.status IN ('open', 'playing') AND r.players < r.max_players
           AND NOT EXISTS (SELECT 1 FROM room_seats s WHERE s.room_id = r.id AND s.user_id = $1)
           AND NOT EXISTS (SELECT 1 FROM room_players p
                           WHERE p.room_id = r.id AND p.user_id = $1 AND p.status IN ('rejected', 'kicked'))))
ORDER BY m.key = $2 DESC NULLS LAST LIMIT 1

-- name: match_room
-- The fullest room of game $1 with options $2 that at $3 has a seat for user $4 which is promised to nobody else.
SELECT r.id
FROM rooms r
CROSS JOIN LATERAL (
    SELECT count(*) AS coming FROM matches m
    WHERE m.room_id = r.id AND m.expires_at > $3
      AND NOT EXISTS (SELECT 1 FROM room_seats s WHERE s.room_id = r.id AND s.user_id = m.user_id)
) promised
WHERE r.game = $1 AND r.options::jsonb = $2::text::jsonb
  AND r.visibility = 'public' AND r.approval = 'auto' AND r.status IN ('open', 'playing') AND r.players < r.max_players
  AND r.players + promised.coming < r.max_players
  AND NOT EXISTS (SELECT 1 FROM room_seats s WHERE s.room_id = r.id AND s.user_id = $4)
  AND NOT EXISTS (SELECT 1 FROM room_players p
                  WHERE p.room_id = r.id AND p.user_id = $4 AND p.status IN ('rejected', 'kicked'))
ORDER BY r.players + promised.coming DESC, r.created_at, r.id LIMIT 1

-- name: match_kept
-- A seat in room $1 is promised to user $2 until $3, by the request $4. What nobody can ask for again goes.
WITH forgotten AS (
    DELETE FROM matches WHERE expires_at < $3::bigint - 86400000
)
INSERT INTO matches (room_id, user_id, expires_at, key) VALUES ($1, $2, $3, $4)
ON CONFLICT (room_id, user_id) DO UPDATE SET expires_at = excluded.expires_at, key = excluded.key

-- name: keep_checkpoint
-- The state $3 of room $1 at seq $2, kept at $4; one that is there already stays, unless $5. Gives when it was kept.
INSERT INTO checkpoints AS c (room_id, seq, state, at) VALUES ($1, $2, $3, $4)
ON CONFLICT (room_id, seq) DO UPDATE
SET state = CASE WHEN $5::boolean THEN excluded.state ELSE c.state END,
    at = CASE WHEN $5::boolean THEN excluded.at ELSE c.at END
RETURNING at

-- name: kept_checkpoint
-- The checkpoint of room $1 at seq $2, or its last.
SELECT seq, state, at FROM checkpoints WHERE room_id = $1 AND ($2::bigint IS NULL OR seq = $2) ORDER BY seq DESC LIMIT 1

-- name: owned_room
-- What the host's part in a room depends on.
SELECT r.host_id, r.status, g.seq FROM rooms r JOIN game_states g ON g.room_id = r.id WHERE r.id = $1

-- name: remove_kept
-- All that is kept of closed room $1 but its last state.
WITH closed AS (
    SELECT id FROM rooms WHERE id = $1 AND status = 'closed'
), log AS (
    DELETE FROM actions USING closed WHERE actions.room_id = closed.id
), kept AS (
    DELETE FROM checkpoints USING closed WHERE checkpoints.room_id = closed.id
)
SELECT id FROM closed
