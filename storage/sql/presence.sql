-- Users who are there, as edges write it now and then.

-- name: heartbeat
-- The users :users are connected to the rooms :rooms (pairs) at :at. Their rejoin tokens, unless they were replaced,
-- are good until :good_until, which is written only when less than until :enough_until is left. Rows that a commit is
-- at are skipped: the next beat gets them, and nobody waits here holding a lock.
WITH beats AS (
    SELECT DISTINCT * FROM unnest(:rooms::text[], :users::text[]) AS b (room_id, user_id)
), seats AS (
    SELECT s.room_id, s.seat_index FROM room_seats s JOIN beats USING (room_id, user_id)
    FOR NO KEY UPDATE OF s SKIP LOCKED
), seated AS (
    UPDATE room_seats s SET last_heartbeat_at = :at, last_seen_at = :at FROM seats
    WHERE s.room_id = seats.room_id AND s.seat_index = seats.seat_index
), spectators AS (
    SELECT s.room_id, s.user_id FROM room_spectators s JOIN beats USING (room_id, user_id)
    FOR NO KEY UPDATE OF s SKIP LOCKED
), watching AS (
    UPDATE room_spectators s SET last_seen_at = :at FROM spectators
    WHERE s.room_id = spectators.room_id AND s.user_id = spectators.user_id
), tokens AS (
    SELECT t.hash FROM rejoin_tokens t JOIN beats USING (room_id, user_id)
    WHERE t.replaced_at IS NULL AND t.expires_at > :at AND t.expires_at < :enough_until
    FOR NO KEY UPDATE OF t SKIP LOCKED
)
UPDATE rejoin_tokens t SET expires_at = :good_until FROM tokens
WHERE t.hash = tokens.hash AND t.expires_at < :good_until

-- name: unheard
-- Rooms with a player who counts as there and of whom no edge has said so since :since: at most :most, and from
-- anywhere among them, so that one that cannot be helped does not stand in the way of the others.
SELECT id FROM rooms
WHERE status NOT IN ('closed', 'paused') AND id IN (
    SELECT room_id FROM room_seats WHERE away_since IS NULL AND coalesce(last_heartbeat_at, seated_at) < :since
) AND NOT EXISTS (SELECT 1 FROM unreadable_rooms u WHERE u.room_id = id AND u.again_at > now())
ORDER BY random() LIMIT :most

-- name: bot_seats
-- Seats that are a bot's, in rooms that are open; :most of them.
SELECT s.room_id, s.user_id, s.display_name, r.game, r.host_id
FROM room_seats s
JOIN rooms r ON r.id = s.room_id
WHERE s.user_id LIKE 'bot:%' AND r.status <> 'closed'
ORDER BY s.room_id, s.user_id
LIMIT :most;
