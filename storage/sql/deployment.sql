-- The database of a deployment: whether it answers, and which secret it is used with (tavola/storage/fingerprint.py).

-- name: ping
SELECT 1

-- name: secret_turns
SELECT turn, salt, newest, other, extract(epoch FROM now() - started_at)::float8 AS age_s
FROM deployment_secrets ORDER BY turn

-- name: secret_turn
SELECT max(turn) AS turn FROM deployment_secrets

-- name: take_secret_turn
-- No row: somebody else was first.
INSERT INTO deployment_secrets (turn, salt, newest, other) VALUES (:turn, :salt, :newest, :other)
ON CONFLICT (turn) DO NOTHING RETURNING turn

-- name: sole_lock
-- Whether this session is the only one that does what is called :name, until `sole_unlock`, or its end.
SELECT pg_try_advisory_lock(hashtextextended('sole ' || :name, 0)) AS held

-- name: sole_lent
-- As `sole_lock`, until the transaction ends.
SELECT pg_try_advisory_xact_lock(hashtextextended('sole ' || :name, 0)) AS held

-- name: sole_unlock
SELECT pg_advisory_unlock(hashtextextended('sole ' || :name, 0))
