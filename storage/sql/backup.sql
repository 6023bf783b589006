-- A backup of the whole database, and putting one back: tavola/backup.py. The data go by pg_dump and psql.

-- name: database_about
-- The things to back up: the server's version, bytes, and the migrations that were applied.
SELECT current_setting('server_version') AS server, pg_database_size(current_database()) AS bytes,
       (SELECT array_agg(name ORDER BY name) FROM migrations) AS migrations

-- name: hold_log_days
-- Until the end of the transaction, however idle it is, the log's days neither come nor go. Waits for one that just
-- goes.
SELECT pg_advisory_xact_lock_shared(hashtextextended('log_days', 0)),
       set_config('idle_in_transaction_session_timeout', '0', true)

-- name: database_tables
-- How many tables there are that are not Postgres's own, and whether those of rooms and sessions are among them.
SELECT (SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')) AS tables,
       to_regclass('public.rooms') IS NOT NULL AND to_regclass('public.app_sessions') IS NOT NULL AS ours

-- name: database_filled
-- Whether somebody has played here, or is signed in; and how many actors are at work.
SELECT EXISTS (SELECT FROM rooms) OR EXISTS (SELECT FROM app_sessions) AS filled,
       (SELECT count(*) FROM room_actors WHERE alive_at > now() - interval '6 seconds') AS actors

-- name: clear_database
-- All of ours goes, for a backup to take its place: tables, views, sequences, functions and types of `public`, and what
-- was put back from the archive. Not an extension's; a sequence that is a column's goes with its table.
DO $$
DECLARE
    gone record;
BEGIN
    DROP SCHEMA IF EXISTS restored CASCADE;
    FOR gone IN
        SELECT format('DROP %s IF EXISTS %s CASCADE',
                      CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                                     ELSE 'TABLE' END, format('public.%I', c.relname)) AS statement
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid
                          AND (d.deptype = 'e' OR d.deptype = 'i' AND c.relkind = 'S'))
        UNION ALL
        SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure) FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
        UNION ALL
        SELECT format('DROP TYPE IF EXISTS public.%I CASCADE', t.typname) FROM pg_type t
        WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')
    LOOP
        EXECUTE gone.statement;
    END LOOP;
END $$

-- name: settle_restored
-- The actors of then are none of now: no room is anybody's.
DO $$
BEGIN
    DELETE FROM public.room_actors;
    UPDATE public.rooms SET actor = NULL WHERE actor IS NOT NULL;
END $$

-- name: forget_secrets
-- The next process that starts says with which secret this database is used.
DELETE FROM public.deployment_secrets
