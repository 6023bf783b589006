-- Tokens of other servers. Only hashes.

-- name: keep_service_token
INSERT INTO service_tokens (name, hash, scopes, expires_at)
VALUES (:name, :hash, :scopes::text[], now() + make_interval(days => :days::integer))

-- name: service_tokens
SELECT name, scopes, created_at, expires_at, used_at, expires_at < now() AS expired FROM service_tokens ORDER BY name

-- name: service_token
-- The token with hash :hash, unless it has expired. That it was used is written once a minute.
WITH found AS (
    SELECT hash, name, scopes, used_at FROM service_tokens
    WHERE hash = :hash AND (expires_at IS NULL OR expires_at > now())
), used AS (
    UPDATE service_tokens t SET used_at = now() FROM found
    WHERE t.hash = found.hash AND (found.used_at IS NULL OR found.used_at < now() - interval '1 minute')
)
SELECT name, scopes FROM found

-- name: revoke_service_token
DELETE FROM service_tokens WHERE name = :name RETURNING name
