-- Versions of what is stored, and rooms that cannot be read.

-- The versions that decided a row: the room's times 256, and the game's. The rows that are there, and those that older
-- code writes, are of the first of both.
ALTER TABLE actions ADD COLUMN versions smallint NOT NULL DEFAULT 257;

-- Of `state`, as its owner wrote it, with its seq above it; of another seq, or null: written by older code.
ALTER TABLE game_states ADD COLUMN checksum bigint;

CREATE FUNCTION state_checksum(seq bigint, state text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (seq << 32) + (hashtext(state)::bigint & 4294967295);

-- Rooms that could not be read when they were asked for last. Nobody owns them, and until `again_at` nobody tries to.
CREATE TABLE unreadable_rooms (
    room_id  text PRIMARY KEY REFERENCES rooms ON DELETE CASCADE,
    seq      bigint NOT NULL,
    code     text NOT NULL CHECK (code IN ('corrupted_state', 'room_unavailable')),
    found    text NOT NULL,                          -- what was wrong, without contents
    at       timestamptz NOT NULL DEFAULT now(),
    again_at timestamptz NOT NULL
);

-- A room's rows as they stood before it was repaired.
CREATE TABLE repairs (
    room_id text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    number  integer NOT NULL,                        -- 1, 2, 3, … in its room
    at      timestamptz NOT NULL DEFAULT now(),
    seq     bigint NOT NULL,                         -- where the room was
    found   text NOT NULL,                           -- why it was repaired
    done    text NOT NULL,                           -- by what
    kept    json NOT NULL,                           -- those rows, and what the log had beyond
    PRIMARY KEY (room_id, number)
);
