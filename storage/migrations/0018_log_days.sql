-- Days of the log go: out of the log first, for which everybody who writes it waits a moment, then for good.

CREATE FUNCTION detach_log_day(name text, wait_ms integer) RETURNS void LANGUAGE plpgsql AS $$
-- A commit that comes meanwhile waits as long as this waits for those before it, at most, and the moment it takes.
BEGIN
    IF name !~ '^log_[0-9]{8}$' THEN
        RAISE 'no day of the log: %', name;
    END IF;
    -- A vacuum of that day gives way, if it is waited for long enough; for this nobody else waits.
    PERFORM set_config('lock_timeout', '3s', true);
    EXECUTE format('LOCK TABLE %I IN SHARE UPDATE EXCLUSIVE MODE', name);
    PERFORM set_config('lock_timeout', wait_ms || 'ms', true);
    EXECUTE format('ALTER TABLE log DETACH PARTITION %I', name);
END $$;

CREATE FUNCTION drop_log_day(name text) RETURNS void LANGUAGE plpgsql AS $$
-- One that is no part of the log any more: nobody waits for this.
BEGIN
    IF name !~ '^log_[0-9]{8}$' THEN
        RAISE 'no day of the log: %', name;
    END IF;
    IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass(name)) THEN
        RAISE 'still a day of the log: %', name;
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS %I', name);
END $$;

CREATE FUNCTION empty_actions_before(wait_ms integer) RETURNS void LANGUAGE plpgsql AS $$
-- Rows from before the log went by days, when all of them are old.
BEGIN
    IF EXISTS (SELECT FROM actions_before) THEN
        PERFORM set_config('lock_timeout', wait_ms || 'ms', true);
        TRUNCATE actions_before;
    END IF;
END $$;
