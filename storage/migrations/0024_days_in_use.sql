-- The log's days neither come nor go while a backup is made: pg_dump has read which tables there are, and asks for
-- each. The backup holds the advisory lock `log_days`, shared; nobody waits for it, for days can wait.

CREATE FUNCTION log_days_free() RETURNS boolean LANGUAGE sql AS $$
-- Whether no backup is made, and none begins before the end of this transaction.
SELECT pg_try_advisory_xact_lock(hashtextextended('log_days', 0))
$$;

CREATE OR REPLACE FUNCTION make_log_days(first date, last date) RETURNS integer
LANGUAGE plpgsql SET lock_timeout = '50ms' AS $$
-- Makes the partitions from the first to the last of these days that are not there; gives how many. A day of which
-- rows are in log_other already stays there. Readers of the log wait as long as this waits for log_other, at most.
DECLARE
    made  integer := 0;
    day   date := first;
    name  text;
    since bigint;
BEGIN
    IF NOT log_days_free() THEN
        RETURN 0;
    END IF;
    WHILE day <= last LOOP
        name := 'log_' || to_char(day, 'YYYYMMDD');
        since := (day - date '1970-01-01') * 86400000::bigint;
        IF to_regclass(name) IS NULL
           AND NOT EXISTS (SELECT FROM log_other WHERE at >= since AND at < since + 86400000) THEN
            EXECUTE format('CREATE TABLE %I (LIKE log INCLUDING DEFAULTS INCLUDING STORAGE)', name);
            EXECUTE format('ALTER TABLE log ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                           name, since, since + 86400000);
            made := made + 1;
        END IF;
        day := day + 1;
    END LOOP;
    RETURN made;
END $$;

CREATE OR REPLACE FUNCTION detach_log_day(name text, wait_ms integer) RETURNS void LANGUAGE plpgsql AS $$
-- A commit that comes meanwhile waits as long as this waits for those before it, at most, and the moment it takes.
BEGIN
    IF name !~ '^log_[0-9]{8}$' THEN
        RAISE 'no day of the log: %', name;
    END IF;
    IF NOT log_days_free() THEN
        RAISE lock_not_available USING MESSAGE = 'a backup is made';
    END IF;
    -- A vacuum of that day gives way, if it is waited for long enough; for this nobody else waits.
    PERFORM set_config('lock_timeout', '3s', true);
    EXECUTE format('LOCK TABLE %I IN SHARE UPDATE EXCLUSIVE MODE', name);
    PERFORM set_config('lock_timeout', wait_ms || 'ms', true);
    EXECUTE format('ALTER TABLE log DETACH PARTITION %I', name);
END $$;

CREATE OR REPLACE FUNCTION drop_log_day(name text) RETURNS void LANGUAGE plpgsql AS $$
-- One that is no part of the log any more: nobody waits for this.
BEGIN
    IF name !~ '^log_[0-9]{8}$' THEN
        RAISE 'no day of the log: %', name;
    END IF;
    IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(name)) THEN
        RAISE 'still a day of the log: %', name;
    END IF;
    IF NOT log_days_free() THEN
        RAISE lock_not_available USING MESSAGE = 'a backup is made';
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS %I', name);
END $$;

-- A backup holds the log for hours, and all who write it would wait behind this.
ALTER FUNCTION settle_log() SET lock_timeout = '50ms';
