-- A room's settings are one column, so that a new one needs no migration; what is searched for is computed from it.

ALTER TABLE rooms ADD COLUMN settings json;
UPDATE rooms SET settings = json_build_object(
    'approval', approval, 'visibility', visibility, 'max_spectators', max_spectators, 'name', name, 'options', options
);
ALTER TABLE rooms
    DROP COLUMN approval, DROP COLUMN visibility, DROP COLUMN max_spectators, DROP COLUMN name, DROP COLUMN options;
ALTER TABLE rooms
    ALTER COLUMN settings SET NOT NULL,              -- actors.room.state.RoomSettings
    ADD COLUMN approval   text NOT NULL GENERATED ALWAYS AS (settings ->> 'approval') STORED,
    ADD COLUMN visibility text NOT NULL GENERATED ALWAYS AS (settings ->> 'visibility') STORED,
    ADD COLUMN name       text NOT NULL GENERATED ALWAYS AS (settings ->> 'name') STORED,
    ADD COLUMN options    json NOT NULL GENERATED ALWAYS AS (settings -> 'options') STORED,
    ADD CHECK (approval IN ('host', 'auto')),
    ADD CHECK (visibility IN ('public', 'private'));

-- These went with the columns.
CREATE INDEX rooms_lobby ON rooms (created_at DESC, id) WHERE visibility = 'public' AND status <> 'closed';
CREATE INDEX rooms_open_seats ON rooms (game, (options::jsonb))
    WHERE visibility = 'public' AND approval = 'auto' AND status IN ('open', 'playing') AND players < max_players;
