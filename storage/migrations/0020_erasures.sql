-- Users who are being forgotten. Nothing of a row is left when it is done.

CREATE TABLE erasures (
    user_id   text PRIMARY KEY,
    pseudonym text NOT NULL,                         -- what stands where they stood; drawn by lot
    salt      bytea NOT NULL,                        -- of the names that stand for theirs
    asked_at  bigint NOT NULL,
    found_at  bigint                                 -- when all rooms were known in which something of them is
);

CREATE TABLE erasure_rooms (
    user_id text NOT NULL REFERENCES erasures ON DELETE CASCADE,
    room    text NOT NULL,
    names   json,                                    -- theirs, and none of anybody else there; null: not looked for yet
    seq     bigint NOT NULL DEFAULT -1,              -- the log has nothing of them up to here
    PRIMARY KEY (user_id, room)
);

-- Before when (ms) nothing that was said is in the log any more: one row, or none.
CREATE TABLE chat_cleared (before bigint NOT NULL);
