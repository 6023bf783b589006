-- Matchmaking. Callers for one game and options go one after the other: match_lock, then the others in its transaction.

-- name: match_lock
-- Until the transaction ends, nobody else is matched for :table.
SELECT pg_advisory_xact_lock(hashtextextended('match ' || :table, 0))

-- name: match_again
-- Where user :user_id was sent before: by the same request (:key), or, at :at, to a seat at a table of game :game
-- with options :options that is still kept for them.
SELECT m.room_id FROM matches m JOIN rooms r ON r.id = m.room_id
WHERE m.user_id = :user_id
  AND (m.key = :key
       OR (m.expires_at > :at AND r.game = :game AND r.options::jsonb = :options::text::jsonb AND r.visibility = 'public'
           AND r.approval = 'auto' AND r.status IN ('open', 'playing') AND r.players < r.max_players
           AND NOT EXISTS (SELECT 1 FROM room_seats s WHERE s.room_id = r.id AND s.user_id = :user_id)
           AND NOT EXISTS (SELECT 1 FROM room_players p
                           WHERE p.room_id = r.id AND p.user_id = :user_id AND p.status IN ('rejected', 'kicked'))))
ORDER BY m.key = :key DESC NULLS LAST LIMIT 1

-- name: match_room
-- The fullest room of game :game with options :options that at :at has a seat for user :user_id which is promised to
-- nobody else.
SELECT r.id AS room_id
FROM rooms r
CROSS JOIN LATERAL (
    SELECT count(*) AS coming FROM matches m
    WHERE m.room_id = r.id AND m.expires_at > :at
      AND NOT EXISTS (SELECT 1 FROM room_seats s WHERE s.room_id = r.id AND s.user_id = m.user_id)
) promised
WHERE r.game = :game AND r.options::jsonb = :options::text::jsonb
  AND r.visibility = 'public' AND r.approval = 'auto' AND r.status IN ('open', 'playing') AND r.players < r.max_players
  AND r.players + promised.coming < r.max_players
  AND NOT EXISTS (SELECT 1 FROM room_seats s WHERE s.room_id = r.id AND s.user_id = :user_id)
  AND NOT EXISTS (SELECT 1 FROM room_players p
                  WHERE p.room_id = r.id AND p.user_id = :user_id AND p.status IN ('rejected', 'kicked'))
ORDER BY r.players + promised.coming DESC, r.created_at, r.id LIMIT 1

-- name: match_kept
-- A seat in room :room_id is promised to user :user_id until :until, by the request :key. A result that nobody can
-- ask for again goes.
WITH forgotten AS (
    DELETE FROM matches WHERE expires_at < :until::bigint - 86400000
)
INSERT INTO matches (room_id, user_id, expires_at, key) VALUES (:room_id, :user_id, :until, :key)
ON CONFLICT (room_id, user_id) DO UPDATE SET expires_at = excluded.expires_at, key = excluded.key

-- name: keep_checkpoint
-- The state :state of room :room_id at seq :seq, kept at :at; one that is there already stays, unless :overwrite.
-- Gives when it was kept.
INSERT INTO checkpoints AS c (room_id, seq, state, at) VALUES (:room_id, :seq, :state, :at)
ON CONFLICT (room_id, seq) DO UPDATE
SET state = CASE WHEN :overwrite::boolean THEN excluded.state ELSE c.state END,
    at = CASE WHEN :overwrite::boolean THEN excluded.at ELSE c.at END
RETURNING at

-- name: kept_checkpoint
-- The checkpoint of room :room_id at seq :seq, or its last.
SELECT seq, state, at FROM checkpoints WHERE room_id = :room_id AND (:seq::bigint IS NULL OR seq = :seq) ORDER BY seq DESC LIMIT 1

-- name: owned_room
-- The facts that the host's part in a room depends on.
SELECT r.host_id, r.status, g.seq FROM rooms r JOIN game_states g ON g.room_id = r.id WHERE r.id = :room_id

-- name: remove_kept
-- All that is kept of closed room :room_id but its last state.
WITH closed AS (
    SELECT id FROM rooms WHERE id = :room_id AND status = 'closed'
), log AS (
    DELETE FROM actions USING closed WHERE actions.room_id = closed.id
), kept AS (
    DELETE FROM checkpoints USING closed WHERE checkpoints.room_id = closed.id
)
SELECT id FROM closed
