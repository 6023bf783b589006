-- Sessions and signing out everywhere. What a session is compared with to find out whether it was signed out, is told by
-- the database's clock alone; when a session ends, by the clock of whoever asks. All in milliseconds since the epoch.

-- name: lock_user
-- For the rest of the transaction nobody else signs this user in again or out. What is read must be read after it.
SELECT pg_advisory_xact_lock(hashtextextended($1, 0))

-- name: user_standing
-- When the user signed out everywhere last, a moment that is now and after it, and how long their sessions last.
SELECT coalesce(max(at), -1) AS signed_out_at,
       greatest(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint, max(at) + 1) AS now,
       (SELECT max(life) FROM app_sessions WHERE user_id = $1) AS life
FROM sign_outs WHERE user_id = $1

-- name: open_session
-- $4: where the session begins, if that is later than now. It ends $6 after $5.
INSERT INTO app_sessions (sid, user_id, sess, expire, life)
VALUES ($1, $2, json_build_object(
    'user_id', $2::text,
    'display_name', $3::text,
    'created_at', greatest(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint, $4::bigint)
), $5::bigint + $6::bigint, $6)
RETURNING sid, sess, expire, life

-- name: session
-- The session $1 that has not ended at $2. Its end is put off unless that was done in the last $3, or in the last of $4
-- parts of its life.
WITH slid AS (
    UPDATE app_sessions SET expire = $2::bigint + life
    WHERE sid = $1 AND expire > $2 AND expire <= $2::bigint + life - least($3::bigint, life / $4::bigint)
    RETURNING sid, sess, expire, life
)
SELECT sid, sess, expire, life FROM slid
UNION ALL
SELECT sid, sess, expire, life FROM app_sessions WHERE sid = $1 AND expire > $2 AND NOT EXISTS (SELECT FROM slid)

-- name: renew_session
-- A session of that user's that has not ended at $3 is put off.
UPDATE app_sessions SET expire = $3::bigint + life WHERE sid = $1 AND user_id = $2 AND expire > $3
RETURNING sid, sess, expire, life

-- name: rename_sessions
-- Gives those that had another name, and $4 in any case.
UPDATE app_sessions SET sess = jsonb_set(sess::jsonb, '{display_name}', to_jsonb($2::text))::json
WHERE user_id = $1 AND expire > $3 AND (sid = $4 OR sess ->> 'display_name' <> $2)
RETURNING sid, sess, expire, life

-- name: oldest_sessions
-- Those of user $1 that were used longest ago go, but for the last $2; $3 stays in any case.
DELETE FROM app_sessions WHERE sid IN (
    SELECT sid FROM app_sessions WHERE user_id = $1 AND sid <> $3 ORDER BY expire DESC OFFSET $2
)
RETURNING sid

-- name: delete_sessions
DELETE FROM app_sessions WHERE user_id = $1 RETURNING sid

-- name: record_sign_out
-- Later than all that was issued before, for `user_standing` may have been ahead of the clock.
INSERT INTO sign_outs (user_id, at) VALUES ($1, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)
ON CONFLICT (user_id) DO UPDATE SET at = greatest(excluded.at, sign_outs.at + 1)
RETURNING at

-- name: sign_outs_after
SELECT user_id, at FROM sign_outs WHERE at > $1 ORDER BY at
