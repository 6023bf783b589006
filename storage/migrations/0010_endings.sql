-- Users who are gone are gone, and a room where nobody is ends. Times ending in _at are milliseconds since the epoch.

ALTER TABLE room_players
    ADD COLUMN leaves_at bigint,                     -- has no socket: leaves then, unless seated or the host
    ADD COLUMN idle      boolean NOT NULL DEFAULT false;  -- was sat out for not moving, and has done nothing since

ALTER TABLE rooms
    ADD COLUMN present   integer NOT NULL DEFAULT 0,  -- how many members are there
    ADD COLUMN deferred  json,                        -- the host's acts that wait for the end of the hand
    ADD COLUMN active_at bigint;                      -- when something of this row changed last

-- part: indexes
-- The lobby: those with people first, and of either the one where something happened last.
DROP INDEX CONCURRENTLY IF EXISTS rooms_active;
CREATE INDEX CONCURRENTLY rooms_active
    ON rooms ((present > 0) DESC, (coalesce(active_at, created_at)) DESC, id DESC)
    WHERE visibility = 'public' AND status <> 'closed';

-- Rooms that nobody minds: they have no alarm that would end them.
DROP INDEX CONCURRENTLY IF EXISTS rooms_unminded;
CREATE INDEX CONCURRENTLY rooms_unminded ON rooms (created_at, id) WHERE status <> 'closed' AND alarm_at IS NULL;
