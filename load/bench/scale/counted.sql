-- Of this database: transactions so far, bytes of its log and of the ids of commands, connections but this one; and of
-- the server: bytes of WAL so far, and whole pages in it.
WITH whole (name) AS (
    VALUES ('log'::regclass), ('commands'::regclass)
), bytes AS (
    SELECT w.name, sum(pg_total_relation_size(c.oid))::bigint AS bytes
    FROM whole w
    JOIN pg_class c ON c.oid = w.name OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = w.name)
    WHERE c.relkind = 'r'
    GROUP BY w.name
)
SELECT (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()) AS statements,
       (SELECT bytes FROM bytes WHERE name = 'log'::regclass) AS log_bytes,
       (SELECT bytes FROM bytes WHERE name = 'commands'::regclass) AS command_bytes,
       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid())
           AS connections,
       w.wal_bytes::bigint AS wal_bytes, w.wal_fpi AS full_pages
FROM pg_stat_wal w
