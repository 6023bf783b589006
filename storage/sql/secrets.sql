-- Which secret the database is used with (tavola/storage/fingerprint.py).

-- name: secret_turns
SELECT turn, salt, newest, other, extract(epoch FROM now() - started_at)::float8 AS age_s
FROM deployment_secrets ORDER BY turn

-- name: secret_turn
SELECT max(turn) AS turn FROM deployment_secrets

-- name: take_secret_turn
-- No row: somebody else was first.
INSERT INTO deployment_secrets (turn, salt, newest, other) VALUES ($1, $2, $3, $4)
ON CONFLICT (turn) DO NOTHING RETURNING turn
