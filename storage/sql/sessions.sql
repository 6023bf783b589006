-- Sessions and signing out everywhere. Whether a session was signed out, the database's clock alone decides; when
-- one ends, the clock of whoever asks. All in milliseconds since the epoch.

-- name: lock_user
-- For the rest of the transaction nobody else signs this user in again or out. The rest is to be read after it.
SELECT pg_advisory_xact_lock(hashtextextended(:user_id, 0))

-- name: user_standing
-- When the user signed out everywhere last, a moment that is now and after it, and how long their sessions last.
SELECT coalesce(max(at), -1) AS signed_out_at,
       greatest(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint, max(at) + 1) AS now,
       (SELECT max(life) FROM app_sessions WHERE user_id = :user_id) AS life
FROM sign_outs WHERE user_id = :user_id

-- name: open_session
-- A session for each of :users, under their :names. :begins_at: where the sessions begin, if that is later than now.
-- They end :life after :now.
INSERT INTO app_sessions (sid, user_id, sess, expire, life)
SELECT opened.sid, opened.user_id, json_build_object(
    'user_id', opened.user_id,
    'display_name', opened.name,
    'created_at', greatest(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint, :begins_at::bigint)
), :now::bigint + :life::bigint, :life
FROM unnest(:sids::bytea[], :users::text[], :names::text[]) AS opened (sid, user_id, name)
RETURNING sid, sess, expire, life

-- name: session
-- The session :sid that has not ended at :now. Its end is put off unless that was done in the last :renewed_within, or
-- in the last of :share parts of its life.
WITH slid AS (
    UPDATE app_sessions SET expire = :now::bigint + life
    WHERE sid = :sid AND expire > :now
      AND expire <= :now::bigint + life - least(:renewed_within::bigint, life / :share::bigint)
    RETURNING sid, sess, expire, life
)
SELECT sid, sess, expire, life FROM slid
UNION ALL
SELECT sid, sess, expire, life FROM app_sessions WHERE sid = :sid AND expire > :now AND NOT EXISTS (SELECT FROM slid)

-- name: renew_session
-- A session of that user's that has not ended at :now is put off.
UPDATE app_sessions SET expire = :now::bigint + life WHERE sid = :sid AND user_id = :user_id AND expire > :now
RETURNING sid, sess, expire, life

-- name: rename_sessions
-- Gives those that had another name, and :sid in any case.
UPDATE app_sessions SET sess = jsonb_set(sess::jsonb, '{display_name}', to_jsonb(:display_name::text))::json
WHERE user_id = :user_id AND expire > :now AND (sid = :sid OR sess ->> 'display_name' <> :display_name)
RETURNING sid, sess, expire, life

-- name: oldest_sessions
-- Those of user :user_id that were used longest ago go, but for the last :most; :sid stays in any case.
DELETE FROM app_sessions WHERE sid IN (
    SELECT sid FROM app_sessions WHERE user_id = :user_id AND sid <> :sid ORDER BY expire DESC OFFSET :most
)
RETURNING sid

-- name: delete_sessions
DELETE FROM app_sessions WHERE user_id = :user_id RETURNING sid

-- name: record_sign_out
-- Later than all that was issued before, for `user_standing` may have been ahead of the clock.
INSERT INTO sign_outs (user_id, at) VALUES (:user_id, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)
ON CONFLICT (user_id) DO UPDATE SET at = greatest(excluded.at, sign_outs.at + 1)
RETURNING at

-- name: sign_outs_after
SELECT user_id, at FROM sign_outs WHERE at > :after ORDER BY at

-- name: clear_sessions
DELETE FROM app_sessions WHERE sid IN (
    SELECT sid FROM app_sessions WHERE expire < :before LIMIT :most FOR UPDATE SKIP LOCKED
)

-- name: clear_sign_outs
DELETE FROM sign_outs WHERE user_id IN (
    SELECT user_id FROM sign_outs WHERE at < :before LIMIT :most FOR UPDATE SKIP LOCKED
)
