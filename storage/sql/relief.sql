-- When Postgres's disk is full.

-- name: found_no_space
-- A commit of actor :name found no space.
UPDATE room_actors SET full_at = now() WHERE name = :name

-- name: no_space
-- Whether a commit of anybody's found no space in the last :within_ms.
SELECT EXISTS (
    SELECT FROM room_actors WHERE full_at > now() - make_interval(secs => :within_ms::float8 / 1000)
) AS found

-- name: checkpoint
-- Files of the write-ahead log that are needed no more are used again, or go.
CHECKPOINT

-- name: vacuum
-- The space of rows that are gone is used again, and goes back to the disk where a table ends with it.
VACUUM (SKIP_LOCKED)
