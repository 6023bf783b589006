-- The queries of a checker. Each query follows its name; tavola.load.evidence.truth reads them.

-- name: log
SELECT seq, epoch, user_id, command_id, entropy, body, at,
       CASE WHEN current_setting('track_commit_timestamp')::boolean
            THEN extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 END AS committed_at
FROM log WHERE room_id = $1 ORDER BY seq

-- name: commit_times
-- The same, of all updates from $1 on.
SELECT room_id, seq, at, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS committed_at
FROM log WHERE at >= $1 ORDER BY at

-- name: state
SELECT epoch, seq, state FROM game_states WHERE room_id = $1

-- name: opener
SELECT opened_by FROM rooms WHERE id = $1

-- name: seats
SELECT seat_index, user_id FROM room_seats WHERE room_id = $1 ORDER BY seat_index

-- name: owned
-- The rooms of actors that beat.
SELECT r.id, g.epoch, a.pid
FROM room_actors a JOIN rooms r ON r.actor = a.name JOIN game_states g ON g.room_id = r.id
WHERE a.alive_at > now() - interval '6 seconds' ORDER BY a.started_at, r.id

-- name: terminate
-- A share of the sessions, and one at least.
WITH ours AS (SELECT pid FROM pg_stat_activity WHERE application_name = 'tavola'),
chosen AS (SELECT pid FROM ours ORDER BY random() LIMIT greatest(1, (SELECT ceil($1::float8 * count(*))::bigint FROM ours)))
SELECT count(pg_terminate_backend(pid)) FROM chosen

-- name: started
SELECT extract(epoch FROM pg_postmaster_start_time())::float8

-- name: keep_commit_times
ALTER SYSTEM SET track_commit_timestamp = on
