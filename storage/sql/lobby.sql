-- Rooms as they are found: by name, in a list, and by matchmaking. Callers for one game and options are matched one
-- after the other: match_lock, then the others in its transaction.

-- name: room_summary
-- By id or by code. No code looks like an id.
SELECT id, code, game, settings, status, host_id, players, max_players, spectators, created_at, present, reserved,
       coalesce(active_at, created_at) AS active_at
FROM (SELECT * FROM rooms WHERE id = :room_id UNION ALL SELECT * FROM rooms WHERE code = :code) found
LIMIT 1

-- name: lobby
-- Public rooms, those with people first, and of either the one where something happened last; from the cursor (peopled,
-- active_at, id) on.
SELECT id, code, game, settings, status, host_id, players, max_players, spectators, created_at, present, reserved,
       coalesce(active_at, created_at) AS active_at
FROM rooms
WHERE visibility = 'public' AND status <> 'closed'
  AND (:game::text IS NULL OR game = :game)
  AND (:status::text IS NULL OR status = :status)
  AND (NOT :open_only::boolean OR players + cardinality(reserved) < max_players)
  AND (:active_at::bigint IS NULL
       OR ((present > 0), coalesce(active_at, created_at), id) < (:peopled::boolean, :active_at, :after::text))
ORDER BY (present > 0) DESC, coalesce(active_at, created_at) DESC, id DESC
LIMIT :most

-- name: match_lock
-- Until the transaction ends, nobody else is matched for :table.
SELECT pg_advisory_xact_lock(hashtextextended('match ' || :table, 0))

-- name: match_again
-- Where user :user_id was sent before: by the same request (:key), or, at :at, to a seat at a table of game :game with
-- options :options that is still kept for them.
SELECT m.room_id FROM matches m JOIN rooms r ON r.id = m.room_id
WHERE m.user_id = :user_id
  AND (m.key = :key
       OR (m.expires_at > :at AND r.game = :game AND r.options::jsonb = :options::text::jsonb
           AND r.visibility = 'public' AND r.approval = 'auto' AND r.status IN ('open', 'playing')
           AND r.players + cardinality(r.reserved) < r.max_players
           AND NOT EXISTS (SELECT 1 FROM room_seats s WHERE s.room_id = r.id AND s.user_id = :user_id)
           AND NOT EXISTS (SELECT 1 FROM room_players p
                           WHERE p.room_id = r.id AND p.user_id = :user_id AND p.status IN ('rejected', 'kicked'))))
ORDER BY m.key = :key DESC NULLS LAST LIMIT 1

-- name: match_room
-- The fullest room of game :game with options :options that at :at has a seat for user :user_id which is promised to
-- nobody else: one where people are, or to which somebody is on the way, before one where nobody is.
SELECT r.id AS room_id
FROM rooms r
CROSS JOIN LATERAL (
    SELECT count(*) AS coming FROM matches m
    WHERE m.room_id = r.id AND m.expires_at > :at
      AND NOT EXISTS (SELECT 1 FROM room_seats s WHERE s.room_id = r.id AND s.user_id = m.user_id)
) promised
WHERE r.game = :game AND r.options::jsonb = :options::text::jsonb
  AND r.visibility = 'public' AND r.approval = 'auto' AND r.status IN ('open', 'playing') AND r.players < r.max_players
  AND r.players + cardinality(r.reserved) + promised.coming < r.max_players
  AND NOT EXISTS (SELECT 1 FROM room_seats s WHERE s.room_id = r.id AND s.user_id = :user_id)
  AND NOT EXISTS (SELECT 1 FROM room_players p
                  WHERE p.room_id = r.id AND p.user_id = :user_id AND p.status IN ('rejected', 'kicked'))
ORDER BY r.present + promised.coming > 0 DESC, r.players + promised.coming DESC, r.created_at, r.id LIMIT 1

-- name: match_kept
-- A seat in room :room_id is promised to user :user_id until :until, by the request :key. A promise that nobody can ask
-- for again goes.
WITH forgotten AS (
    DELETE FROM matches WHERE expires_at < :until::bigint - 86400000
)
INSERT INTO matches (room_id, user_id, expires_at, key) VALUES (:room_id, :user_id, :until, :key)
ON CONFLICT (room_id, user_id) DO UPDATE SET expires_at = excluded.expires_at, key = excluded.key

-- name: clear_matches
DELETE FROM matches WHERE (room_id, user_id) IN (
    SELECT room_id, user_id FROM matches WHERE expires_at < :before LIMIT :most FOR UPDATE SKIP LOCKED
)
