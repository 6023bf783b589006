-- How many bytes there are, now and as they were.

-- name: record_sizes
-- The bytes of each table with its indexes (of one by days, all of its days together), of the whole database as '', and
-- :free, unless that is not known, as ' free'.
INSERT INTO sizes (at, name, bytes)
SELECT :at, name, bytes FROM (
    SELECT coalesce(whole.relname, c.relname) AS name, sum(pg_total_relation_size(c.oid))::bigint AS bytes
    FROM pg_class c
    LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
    LEFT JOIN pg_class whole ON whole.oid = i.inhparent
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    GROUP BY 1
    UNION ALL SELECT '', pg_database_size(current_database())
    UNION ALL SELECT ' free', :free::bigint WHERE :free::bigint IS NOT NULL
) measured
ON CONFLICT DO NOTHING

-- name: database_bytes
SELECT pg_database_size(current_database()) AS bytes

-- name: growth
-- The bytes as they were measured last, and a day before: or, while there are not so many, as long ago as there are.
WITH newest AS (
    SELECT max(at) AS at FROM sizes
), before AS (
    SELECT coalesce((SELECT max(s.at) FROM sizes s, newest WHERE s.at <= newest.at - 86400000),
                    (SELECT min(at) FROM sizes)) AS at
)
SELECT s.name, s.at, s.bytes, before.at AS since, b.bytes AS was
FROM newest JOIN sizes s ON s.at = newest.at CROSS JOIN before LEFT JOIN sizes b ON b.at = before.at AND b.name = s.name
ORDER BY s.bytes DESC, s.name

-- name: clear_sizes
DELETE FROM sizes WHERE at < :before
