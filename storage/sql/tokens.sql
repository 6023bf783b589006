-- The tokens that members come back with: rejoin tokens, seat tokens (by the grant in room_seats), connection tokens.
-- Only hashes.

-- name: valid_rejoin_token
-- The holder of the token with hash :hash and their part; `good` at :now (ms) says whether it may still be used: while
-- it has not expired, and, unless it was replaced, as long as the hand that ran at its expiry runs and its holder has
-- their seat. No row: there is none, its holder is admitted no more, or they have signed out since. With :fresh, the
-- hash of a fresh token good for :life ms, that one replaces it; so that a client that never heard of it can come
-- again, the old one is good for as long. A holder keeps their newest 10.
WITH found AS (
    SELECT t.hash, m.*,
           t.expires_at > :now
           OR (t.replaced_at IS NULL AND m.seat_index IS NOT NULL
               AND EXISTS (SELECT 1 FROM hands h
                           WHERE h.room_id = t.room_id AND h.started_at <= t.expires_at AND h.ended_at IS NULL)) AS good
    FROM rejoin_tokens t JOIN admitted m ON m.room_id = t.room_id AND m.user_id = t.user_id
    WHERE t.hash = :hash
      AND NOT EXISTS (SELECT 1 FROM sign_outs o WHERE o.user_id = t.user_id AND o.at >= t.issued_at)
), rotating AS (
    SELECT * FROM found WHERE good AND :fresh::bytea IS NOT NULL
), replaced AS (
    UPDATE rejoin_tokens t SET replaced_at = :now, expires_at = :now + :life
    FROM rotating WHERE t.hash = rotating.hash AND t.replaced_at IS NULL
), made AS (
    INSERT INTO rejoin_tokens (hash, room_id, user_id, role, seat_index, issued_at, expires_at)
    SELECT :fresh, room_id, user_id, role, seat_index, :now, :now + :life FROM rotating
), trimmed AS (
    DELETE FROM rejoin_tokens WHERE hash IN (
        SELECT t.hash FROM rejoin_tokens t JOIN rotating USING (room_id, user_id)
        WHERE t.hash <> :hash ORDER BY t.replaced_at IS NULL DESC, t.issued_at DESC, t.hash OFFSET 8)
)
SELECT * FROM found

-- name: valid_seat_token
-- The part of user :user_id, if they sit in seat :seat_index of room :room_id by grant :grant and have not signed out
-- since the token was issued, at :issued_at (ms). They are given a rejoin token with hash :fresh, issued at :now and
-- good for :life ms.
WITH found AS (
    SELECT m.* FROM admitted m
    WHERE m.room_id = :room_id AND m.user_id = :user_id AND m.seat_index = :seat_index AND m.seat_token = :grant
      AND :grant <> ''
      AND NOT EXISTS (SELECT 1 FROM sign_outs o WHERE o.user_id = :user_id AND o.at >= :issued_at)
), made AS (
    INSERT INTO rejoin_tokens (hash, room_id, user_id, role, seat_index, issued_at, expires_at)
    SELECT :fresh, room_id, user_id, role, seat_index, :now::bigint, :now + :life::bigint FROM found
), trimmed AS (
    DELETE FROM rejoin_tokens WHERE hash IN (
        SELECT t.hash FROM rejoin_tokens t JOIN found USING (room_id, user_id)
        ORDER BY t.replaced_at IS NULL DESC, t.issued_at DESC, t.hash OFFSET 9)
)
SELECT * FROM found

-- name: issue_rejoin_token
-- The part of each of :users in the room in :rooms, if they have one: `number` says whose it is, from 1. They are given
-- a rejoin token with the hash in :fresh, issued at :now, good for :life ms.
WITH found AS MATERIALIZED (
    SELECT asked.number, asked.fresh, m.*
    FROM unnest(:rooms::text[], :users::text[], :fresh::bytea[]) WITH ORDINALITY
        AS asked (room_id, user_id, fresh, number)
    JOIN admitted m ON m.room_id = asked.room_id AND m.user_id = asked.user_id
), made AS (
    INSERT INTO rejoin_tokens (hash, room_id, user_id, role, seat_index, issued_at, expires_at)
    SELECT fresh, room_id, user_id, role, seat_index, :now::bigint, :now + :life::bigint FROM found
), trimmed AS (
    DELETE FROM rejoin_tokens WHERE hash IN (
        SELECT older.hash FROM (SELECT DISTINCT room_id, user_id FROM found) holder
        JOIN LATERAL (
            SELECT t.hash FROM rejoin_tokens t WHERE t.room_id = holder.room_id AND t.user_id = holder.user_id
            ORDER BY t.replaced_at IS NULL DESC, t.issued_at DESC, t.hash OFFSET 9
        ) older ON true)
)
SELECT * FROM found

-- name: issue_connection_token
-- A connection token with hash :fresh, issued at :now and good for :life ms, for the seat of user :user_id in room
-- :room_id: `seat_index` is null when they have none. A holder keeps their newest 10. No row: no such room.
WITH made AS (
    INSERT INTO connection_tokens (hash, room_id, user_id, seat_index, expires_at)
    SELECT :fresh::bytea, room_id, user_id, seat_index, :now::bigint + :life::bigint FROM admitted
    WHERE room_id = :room_id AND user_id = :user_id AND seat_index IS NOT NULL
    RETURNING seat_index
), trimmed AS (
    DELETE FROM connection_tokens WHERE hash IN (
        SELECT hash FROM connection_tokens
        WHERE room_id = :room_id AND user_id = :user_id AND EXISTS (SELECT 1 FROM made)
        ORDER BY expires_at DESC, hash OFFSET 9)
)
SELECT rooms.id, made.seat_index FROM rooms LEFT JOIN made ON true WHERE rooms.id = :room_id

-- name: valid_connection_token
-- The holder of the token with hash :hash and their part; `good` at :now (ms) says whether it has not expired. :life ms
-- is how long such a token lives. No row: there is none, or none any more.
SELECT m.*, c.expires_at > :now AS good
FROM connection_tokens c JOIN admitted m ON m.room_id = c.room_id AND m.user_id = c.user_id
WHERE c.hash = :hash AND m.seat_index = c.seat_index
  AND NOT EXISTS (SELECT 1 FROM sign_outs o WHERE o.user_id = c.user_id AND o.at >= c.expires_at - :life)

-- name: use_connection_token
-- The one caller that is told the row has used the token with hash :hash, and nobody else has.
DELETE FROM connection_tokens WHERE hash = :hash AND expires_at > :now RETURNING user_id

-- name: clear_rejoin_tokens
DELETE FROM rejoin_tokens WHERE hash IN (
    SELECT hash FROM rejoin_tokens WHERE expires_at < :before LIMIT :most FOR UPDATE SKIP LOCKED
)

-- name: clear_replaced_tokens
DELETE FROM rejoin_tokens WHERE hash IN (
    SELECT hash FROM rejoin_tokens WHERE replaced_at IS NOT NULL AND expires_at < :before
    LIMIT :most FOR UPDATE SKIP LOCKED
)

-- name: clear_connection_tokens
DELETE FROM connection_tokens WHERE hash IN (
    SELECT hash FROM connection_tokens WHERE expires_at < :before LIMIT :most FOR UPDATE SKIP LOCKED
)
