-- Seats that are kept for users whom another server names when it opens a room. Which user has which is in
-- `settings`; here is what is searched for.

ALTER TABLE rooms
    ADD COLUMN reserved     integer[] NOT NULL DEFAULT '{}',  -- the seats whose users do not sit in them
    ADD COLUMN reserved_for text[];                           -- all who were named at the opening

-- part: indexes
DROP INDEX CONCURRENTLY IF EXISTS rooms_reserved_for;
CREATE INDEX CONCURRENTLY rooms_reserved_for ON rooms USING gin (reserved_for) WHERE reserved_for IS NOT NULL;
