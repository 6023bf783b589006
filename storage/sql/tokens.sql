-- What members come back with: rejoin tokens, seat tokens (by the grant in room_seats), connection tokens. Only hashes.

-- name: valid_rejoin_token
-- Who holds the token with hash $1 and what his part is; `good` at $2 (ms) says whether it may still be used: while it has
-- not expired, and, unless it was replaced, as long as the hand that ran at its expiry runs and its holder has his seat.
-- No row: there is none, its holder is admitted no more, or he has signed out since. With $3, the hash of a fresh token
-- good for $4 ms, that one replaces it; so that a client that never heard of it can come again, the old one is good for as
-- long. A holder keeps his newest 10.
WITH found AS (
    SELECT t.hash, m.*,
           t.expires_at > $2
           OR (t.replaced_at IS NULL AND m.seat_index IS NOT NULL
               AND EXISTS (SELECT 1 FROM hands h
                           WHERE h.room_id = t.room_id AND h.started_at <= t.expires_at AND h.ended_at IS NULL)) AS good
    FROM rejoin_tokens t JOIN admitted m ON m.room_id = t.room_id AND m.user_id = t.user_id
    WHERE t.hash = $1
      AND NOT EXISTS (SELECT 1 FROM sign_outs o WHERE o.user_id = t.user_id AND o.at >= t.issued_at)
), rotating AS (
    SELECT * FROM found WHERE good AND $3::bytea IS NOT NULL
), replaced AS (
    UPDATE rejoin_tokens t SET replaced_at = $2, expires_at = $2 + $4
    FROM rotating WHERE t.hash = rotating.hash AND t.replaced_at IS NULL
), made AS (
    INSERT INTO rejoin_tokens (hash, room_id, user_id, role, seat_index, issued_at, expires_at)
    SELECT $3, room_id, user_id, role, seat_index, $2, $2 + $4 FROM rotating
), trimmed AS (
    DELETE FROM rejoin_tokens WHERE hash IN (
        SELECT t.hash FROM rejoin_tokens t JOIN rotating USING (room_id, user_id)
        WHERE t.hash <> $1 ORDER BY t.replaced_at IS NULL DESC, t.issued_at DESC, t.hash OFFSET 8)
)
SELECT * FROM found

-- name: valid_seat_token
-- The part of user $3, if he sits in seat $2 of room $1 by grant $4 and has not signed out since the token was issued, at
-- $5 (ms). He is given a rejoin token with hash $6, issued at $7 and good for $8 ms.
WITH found AS (
    SELECT m.* FROM admitted m
    WHERE m.room_id = $1 AND m.user_id = $3 AND m.seat_index = $2 AND m.seat_token = $4 AND $4 <> ''
      AND NOT EXISTS (SELECT 1 FROM sign_outs o WHERE o.user_id = $3 AND o.at >= $5)
), made AS (
    INSERT INTO rejoin_tokens (hash, room_id, user_id, role, seat_index, issued_at, expires_at)
    SELECT $6, room_id, user_id, role, seat_index, $7::bigint, $7 + $8::bigint FROM found
), trimmed AS (
    DELETE FROM rejoin_tokens WHERE hash IN (
        SELECT t.hash FROM rejoin_tokens t JOIN found USING (room_id, user_id)
        ORDER BY t.replaced_at IS NULL DESC, t.issued_at DESC, t.hash OFFSET 9)
)
SELECT * FROM found

-- name: issue_rejoin_token
-- The part of user $2 in room $1, if he has one. He is given a rejoin token with hash $3, issued at $4, good for $5 ms.
WITH found AS (
    SELECT * FROM admitted WHERE room_id = $1 AND user_id = $2
), made AS (
    INSERT INTO rejoin_tokens (hash, room_id, user_id, role, seat_index, issued_at, expires_at)
    SELECT $3::bytea, room_id, user_id, role, seat_index, $4::bigint, $4 + $5::bigint FROM found
), trimmed AS (
    DELETE FROM rejoin_tokens WHERE hash IN (
        SELECT t.hash FROM rejoin_tokens t JOIN found USING (room_id, user_id)
        ORDER BY t.replaced_at IS NULL DESC, t.issued_at DESC, t.hash OFFSET 9)
)
SELECT * FROM found

-- name: issue_connection_token
-- A connection token with hash $3, issued at $4 and good for $5 ms, for the seat of user $2 in room $1: `seat_index` is
-- null when he has none. A holder keeps his newest 10. No row: no such room.
WITH made AS (
    INSERT INTO connection_tokens (hash, room_id, user_id, seat_index, expires_at)
    SELECT $3::bytea, room_id, user_id, seat_index, $4::bigint + $5::bigint FROM admitted
    WHERE room_id = $1 AND user_id = $2 AND seat_index IS NOT NULL
    RETURNING seat_index
), trimmed AS (
    DELETE FROM connection_tokens WHERE hash IN (
        SELECT hash FROM connection_tokens WHERE room_id = $1 AND user_id = $2 AND EXISTS (SELECT 1 FROM made)
        ORDER BY expires_at DESC, hash OFFSET 9)
)
SELECT rooms.id, made.seat_index FROM rooms LEFT JOIN made ON true WHERE rooms.id = $1

-- name: valid_connection_token
-- Whose token has hash $1, and his part; `good` at $2 (ms) says whether it has not expired. $3 ms is how long such a token
-- lives. No row: there is none, or none any more.
SELECT m.*, c.expires_at > $2 AS good
FROM connection_tokens c JOIN admitted m ON m.room_id = c.room_id AND m.user_id = c.user_id
WHERE c.hash = $1 AND m.seat_index = c.seat_index
  AND NOT EXISTS (SELECT 1 FROM sign_outs o WHERE o.user_id = c.user_id AND o.at >= c.expires_at - $3)

-- name: use_connection_token
-- Whoever is told the row has used the token with hash $1, and nobody else has.
DELETE FROM connection_tokens WHERE hash = $1 AND expires_at > $2 RETURNING user_id
