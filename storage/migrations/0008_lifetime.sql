-- How long things are kept: rooms that are removed, what was archived, how fast the tables grow. Times ending in _at
-- are milliseconds since the epoch.

-- Rooms that are being removed, and, for a year after it, that they were: by hashes alone, so that nothing of a removed
-- room is left anywhere.
CREATE TABLE removals (
    room_hash   bytea PRIMARY KEY,                   -- SHA-256 of the room's id
    host_hash   bytea NOT NULL,                      -- SHA-256 of the room's id, a blank and its host's: who may look
    room_id     text,                                -- null when nothing of it is left
    why         text NOT NULL CHECK (why IN ('asked', 'expired', 'space')),
    version     bigint NOT NULL,                     -- its last seq
    rows_before bigint NOT NULL,                     -- of its log, when it began
    rows_gone   bigint NOT NULL DEFAULT 0,
    archive     text,                                -- archives.name, of what went there before
    asked_at    bigint NOT NULL,
    finished_at bigint
);
CREATE INDEX removals_due ON removals (asked_at) WHERE finished_at IS NULL;
CREATE INDEX removals_finished ON removals (finished_at) WHERE finished_at IS NOT NULL;

-- The files of the archive, written before their rows go. A row is there before its file, and stays.
CREATE TABLE archives (
    name        text PRIMARY KEY,                    -- of its files, without their endings
    kind        text NOT NULL CHECK (kind IN ('hands', 'rooms', 'log')),
    day         text,                                -- of hands and log: YYYYMMDD
    decided_at  bigint NOT NULL,
    finished_at bigint                               -- its rows are in the archive, and may go
);
CREATE INDEX archives_open ON archives (decided_at) WHERE finished_at IS NULL;

-- Bytes, looked at now and then: of each table with its indexes, of the whole database (''), and what the disk has free
-- (' free', with a blank).
CREATE TABLE sizes (
    at    bigint NOT NULL,
    name  text NOT NULL,
    bytes bigint NOT NULL,
    PRIMARY KEY (at, name)
);

ALTER TABLE room_actors ADD COLUMN full_at timestamptz;  -- when its commits found no space on Postgres's disk

-- Deletes up to `most` rows of the room from the tables that have a room_id, whichever these are: what is added to the
-- schema later is removed with the rest. Gives how many went; 0 when none is left.
CREATE FUNCTION remove_some_of(room text, most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    place regclass;
    gone  integer;
    took  integer := 0;
BEGIN
    FOR place IN
        SELECT c.oid::regclass FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE a.attname = 'room_id' AND NOT a.attisdropped AND c.relkind = 'r'
          AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'removals'
        ORDER BY c.relname
    LOOP
        EXECUTE format('DELETE FROM %s WHERE ctid = ANY (ARRAY(SELECT ctid FROM %s WHERE room_id = $1 LIMIT $2))',
                       place, place)
        USING room, most - took;
        GET DIAGNOSTICS gone = ROW_COUNT;
        took := took + gone;
        EXIT WHEN took >= most;
    END LOOP;
    RETURN took;
END $$;

-- part: indexes
DROP INDEX CONCURRENTLY IF EXISTS checkpoints_at;
CREATE INDEX CONCURRENTLY checkpoints_at ON checkpoints (at, room_id, seq);
DROP INDEX CONCURRENTLY IF EXISTS hands_ended;
CREATE INDEX CONCURRENTLY hands_ended ON hands (ended_at) WHERE ended_at IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS rooms_closed;
CREATE INDEX CONCURRENTLY rooms_closed ON rooms (closed_at) WHERE closed_at IS NOT NULL;
