-- The queries of a checker. Each query follows its name; tavola.load.evidence.truth reads them.

-- name: log
SELECT seq, epoch, user_id, command_id, command, answer, events, patch, outside, private, entropy, at,
       CASE WHEN current_setting('track_commit_timestamp')::boolean
            THEN extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 END AS committed_at
FROM actions WHERE room_id = $1 ORDER BY seq

-- name: state
SELECT epoch, seq, state FROM game_states WHERE room_id = $1

-- name: seats
SELECT seat_index, user_id FROM room_seats WHERE room_id = $1 ORDER BY seat_index

-- name: positions
SELECT r.id, g.epoch, g.seq, a.pid
FROM rooms r JOIN game_states g ON g.room_id = r.id LEFT JOIN room_actors a ON a.name = r.actor

-- name: actors
SELECT name, pid, rooms FROM room_actors WHERE alive_at > now() - interval '6 seconds' ORDER BY name

-- name: terminate
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE application_name = 'tavola' AND random() < $1

-- name: started
SELECT extract(epoch FROM pg_postmaster_start_time())::float8

-- name: keep_commit_times
ALTER SYSTEM SET track_commit_timestamp = on
