-- Sessions and signing out everywhere. What a session is compared with to find out whether it was signed out, is told by
-- the database's clock alone; when a session ends, by the clock of whoever asks. All in milliseconds since the epoch.

-- name: lock_user
-- For the rest of the transaction nobody else signs this user in again or out. What is read must be read after it.
SELECT pg_advisory_xact_lock(hashtextextended($1, 0))

-- name: user_standing
-- When the user signed out everywhere last, and a moment that is now and after it.
SELECT coalesce(max(at), -1) AS signed_out_at,
       greatest(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint, max(at) + 1) AS now
FROM sign_outs WHERE user_id = $1

-- name: open_session
-- $4: where the session begins, if that is later than now. $5: where it ends.
INSERT INTO app_sessions (sid, user_id, sess, expire)
VALUES ($1, $2, json_build_object(
    'user_id', $2::text,
    'display_name', $3::text,
    'created_at', greatest(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint, $4::bigint)
), $5)
RETURNING sid, sess, expire

-- name: session
-- The session $1 that has not ended at $2. It is put off to $3 unless that was done in the last $4.
WITH slid AS (
    UPDATE app_sessions SET expire = $3
    WHERE sid = $1 AND expire > $2 AND expire <= $3::bigint - $4::bigint
    RETURNING sid, sess, expire
)
SELECT sid, sess, expire FROM slid
UNION ALL
SELECT sid, sess, expire FROM app_sessions WHERE sid = $1 AND expire > $2 AND NOT EXISTS (SELECT FROM slid)

-- name: renew_session
-- A session of that user's that has not ended at $3 is put off to $4.
UPDATE app_sessions SET expire = $4 WHERE sid = $1 AND user_id = $2 AND expire > $3
RETURNING sid, sess, expire

-- name: rename_sessions
-- Gives those that had another name, and $4 in any case.
UPDATE app_sessions SET sess = jsonb_set(sess::jsonb, '{display_name}', to_jsonb($2::text))::json
WHERE user_id = $1 AND expire > $3 AND (sid = $4 OR sess ->> 'display_name' <> $2)
RETURNING sid, sess, expire

-- name: delete_sessions
DELETE FROM app_sessions WHERE user_id = $1 RETURNING sid

-- name: record_sign_out
-- Later than all that was issued before, for `user_standing` may have been ahead of the clock.
INSERT INTO sign_outs (user_id, at) VALUES ($1, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)
ON CONFLICT (user_id) DO UPDATE SET at = greatest(excluded.at, sign_outs.at + 1)
RETURNING at

-- name: sign_outs_after
SELECT user_id, at FROM sign_outs WHERE at > $1 ORDER BY at
