-- The games of the deployment, as the processes that load them say: all that edges know of them.

CREATE TABLE game_lists (
    said_by text PRIMARY KEY,                         -- as nodes.id, or a room actor's name
    games   json NOT NULL,                            -- of actors/wire/catalogue.py
    taken   integer NOT NULL DEFAULT 0,               -- how often they were saved and taken since (`tavola dev --reload`)
    fault   text NOT NULL DEFAULT '',                 -- what is wrong with what was saved last
    said_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()        -- the last that was heard of who said it
);
