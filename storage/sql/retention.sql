-- The end of what is kept, in batches: each query says how many rows went. None waits for a row that a commit is at.

-- name: clear_hands
-- Hands that ended before :before.
WITH gone AS (
    DELETE FROM hands WHERE (room_id, game, number) IN (
        SELECT room_id, game, number FROM hands WHERE ended_at < :before
        ORDER BY ended_at LIMIT :most FOR UPDATE SKIP LOCKED
    )
    RETURNING 1
)
SELECT count(*) AS gone FROM gone

-- name: clear_checkpoints
-- The next :most checkpoints after (:since, :room_id, :seq) that were kept before :before go, but for the last of each
-- room. No row: there are no more. The other fields say which was the last that was looked at.
WITH old AS (
    SELECT at, room_id, seq FROM checkpoints WHERE (at, room_id, seq) > (:since, :room_id, :seq) AND at < :before
    ORDER BY at, room_id, seq LIMIT :most
), gone AS (
    DELETE FROM checkpoints c USING old
    WHERE c.room_id = old.room_id AND c.seq = old.seq
      AND EXISTS (SELECT FROM checkpoints n WHERE n.room_id = c.room_id AND n.seq > c.seq)
    RETURNING 1
)
SELECT (SELECT count(*) FROM gone) AS gone, count(*) OVER () AS looked_at, at, room_id, seq FROM old
ORDER BY at DESC, room_id DESC, seq DESC LIMIT 1

-- name: log_days
-- The days of the log, the first one first: tables by their names, and whether they are a part of it still.
SELECT c.relname AS name, i.inhrelid IS NOT NULL AS attached
FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^log_[0-9]{8}$'
ORDER BY c.relname

-- name: detach_log_day
SELECT detach_log_day(:name, :wait_ms)

-- name: drop_log_day
SELECT drop_log_day(:name)

-- name: clear_log_other
-- Up to :most updates before :before that are in no day's table.
WITH gone AS (
    DELETE FROM log_other WHERE ctid = ANY (ARRAY(SELECT ctid FROM log_other WHERE at < :before LIMIT :most))
    RETURNING 1
)
SELECT count(*) AS gone FROM gone

-- name: by_days_since
-- When the log began to go by days (ms): all that is older than that, and in no day's table, was written before.
SELECT (extract(epoch FROM applied_at) * 1000)::bigint AS at FROM migrations WHERE name LIKE '%\_log.sql'
ORDER BY name LIMIT 1

-- name: clear_actions_before
-- Of the updates in :most pages of the old log from page :page on, those of before :before go: how many pages it has,
-- how many updates were in these, and how many of them went.
WITH seen AS MATERIALIZED (
    SELECT ctid AS place, at FROM actions_before
    WHERE ctid >= ('(' || :page::bigint || ',0)')::tid AND ctid < ('(' || :page + :most::bigint || ',0)')::tid
), gone AS (
    DELETE FROM actions_before WHERE ctid = ANY (ARRAY(SELECT place FROM seen WHERE at < :before)) RETURNING 1
)
SELECT pg_relation_size('actions_before') / current_setting('block_size')::bigint AS pages,
       (SELECT count(*) FROM seen) AS seen, (SELECT count(*) FROM gone) AS gone

-- name: empty_actions_before
SELECT empty_actions_before(:wait_ms)
