-- The tables of the peers: a row a room, written whole in every commit, and a log. Less than ours: no fence of
-- epochs, no answers, no views by audience. Times are milliseconds since the epoch.

CREATE TABLE IF NOT EXISTS states (
    room       text PRIMARY KEY,
    seq        bigint NOT NULL,
    state      text NOT NULL,                        -- JSON
    updated_at bigint NOT NULL
) WITH (fillfactor = 40);

CREATE TABLE IF NOT EXISTS actions (
    room      text NOT NULL,
    seq       bigint NOT NULL,
    user_id   text NOT NULL,
    action_id text NOT NULL,
    action    text NOT NULL,                         -- JSON
    events    text NOT NULL,                         -- JSON
    at        bigint NOT NULL,
    PRIMARY KEY (room, seq)
);
