-- Webhooks: where the feed is sent to, and how far each is. Nothing of the log is copied: a batch is its place.

CREATE TABLE webhooks (
    name         text PRIMARY KEY,
    url          text NOT NULL,
    game         text,                               -- null: all
    whole        boolean NOT NULL,                   -- else as spectators see it
    secret       bytea NOT NULL,                     -- by which batches are signed; sealed with the deployment's
    place        text NOT NULL,                      -- tavola.edge.feed.cursor.Cursor
    most_tries   integer NOT NULL CONSTRAINT webhooks_tries CHECK (most_tries > 0),
    tries        integer NOT NULL DEFAULT 0,         -- of the batch at that place, all in vain
    next_at      bigint NOT NULL DEFAULT 0,          -- ms; not before that
    failed       text,                               -- why the last try was in vain; null: it was not
    created_at   timestamptz NOT NULL DEFAULT now(),
    delivered_at bigint                              -- ms
);

-- Batches that were given up.
CREATE TABLE dead_letters (
    number  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook text NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    at      bigint NOT NULL,
    place   text NOT NULL,                           -- where the batch begins
    updates integer NOT NULL,
    failed  text NOT NULL,
    again   boolean NOT NULL DEFAULT false           -- it is to be tried once more
);
CREATE INDEX dead_letters_of ON dead_letters (webhook, number);
