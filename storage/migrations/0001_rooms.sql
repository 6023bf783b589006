-- Rooms, their members, their state and their log. Times ending in _at are milliseconds since the epoch.

CREATE TABLE rooms (
    id              text PRIMARY KEY,
    code            text NOT NULL CONSTRAINT rooms_code_unique UNIQUE,
    name            text NOT NULL,
    game            text NOT NULL,
    options         json NOT NULL,
    status          text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'playing', 'paused', 'closed')),
    visibility      text NOT NULL DEFAULT 'public' CHECK (visibility IN ('public', 'private')),
    approval        text NOT NULL DEFAULT 'host' CHECK (approval IN ('host', 'auto')),
    host_id         text NOT NULL,
    max_spectators  integer NOT NULL DEFAULT 100,
    epoch           bigint NOT NULL DEFAULT 0,       -- raised at each placement; the fence itself is in game_states
    actor           text,                            -- room_actors.name, or null while nobody owns the room
    alarm_at        bigint,                          -- never later than the room's real alarm
    current_game_id text,
    players         integer NOT NULL DEFAULT 0,
    max_players     integer NOT NULL,
    spectators      integer NOT NULL DEFAULT 0,
    created_at      bigint NOT NULL,
    creation_id     text,                            -- the creator's Idempotency-Key
    CONSTRAINT rooms_created_once UNIQUE (host_id, creation_id)
) WITH (fillfactor = 70);
CREATE INDEX rooms_alarm ON rooms (alarm_at) WHERE alarm_at IS NOT NULL;
CREATE INDEX rooms_actor ON rooms (actor) WHERE actor IS NOT NULL;
CREATE INDEX rooms_lobby ON rooms (created_at DESC, id) WHERE visibility = 'public' AND status <> 'closed';

CREATE TABLE room_actors (
    name       text PRIMARY KEY,
    node       text NOT NULL,
    pid        integer NOT NULL,
    address    text NOT NULL,                        -- host:port of its line
    capacity   integer NOT NULL,
    rooms      integer NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT now(),
    alive_at   timestamptz NOT NULL DEFAULT now(),
    suspect_at timestamptz                           -- when somebody got no answer from it; gets no rooms until it beats again
) WITH (fillfactor = 50);

CREATE TABLE room_players (
    room_id      text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    user_id      text NOT NULL,
    display_name text NOT NULL,
    status       text NOT NULL CHECK (status IN ('pending', 'approved', 'rejected', 'kicked')),
    changed_at   bigint NOT NULL,
    PRIMARY KEY (room_id, user_id)
);
CREATE INDEX room_players_user ON room_players (user_id);

CREATE TABLE room_seats (
    room_id      text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    seat_index   integer NOT NULL,
    user_id      text NOT NULL,
    display_name text NOT NULL,
    chips        bigint NOT NULL DEFAULT 0,          -- as they stand between rounds
    seated_at    bigint NOT NULL,
    PRIMARY KEY (room_id, seat_index),
    CONSTRAINT room_seats_one_seat_a_user UNIQUE (room_id, user_id) DEFERRABLE INITIALLY DEFERRED
) WITH (fillfactor = 70);
CREATE INDEX room_seats_user ON room_seats (user_id);

CREATE TABLE room_spectators (
    room_id      text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    user_id      text NOT NULL,
    display_name text NOT NULL,
    joined_at    bigint NOT NULL,
    PRIMARY KEY (room_id, user_id)
);

CREATE TABLE games (
    id         text PRIMARY KEY,                     -- room id, dot, number
    room_id    text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    number     integer NOT NULL,
    kind       text NOT NULL,
    status     text NOT NULL CHECK (status IN ('running', 'over')),
    started_at bigint NOT NULL,
    ended_at   bigint,
    result     json,
    UNIQUE (room_id, number)
);

-- The hot row: written whole in every commit. `epoch` and `seq` together are the fence.
CREATE TABLE game_states (
    room_id    text PRIMARY KEY REFERENCES rooms ON DELETE CASCADE,
    epoch      bigint NOT NULL DEFAULT 0,
    seq        bigint NOT NULL DEFAULT 0,
    state      text NOT NULL,                        -- JSON; its `v` is the schema's version
    updated_at bigint NOT NULL
) WITH (fillfactor = 40);

-- The log. No foreign key: it is written with every move, and its room is the one whose state row was just held.
CREATE TABLE actions (
    room_id    text NOT NULL,
    seq        bigint NOT NULL,
    epoch      bigint NOT NULL,
    game       integer NOT NULL,                     -- games.number
    hand       integer NOT NULL,                     -- hands.number
    user_id    text NOT NULL,                        -- '' is the runtime itself
    user_name  text NOT NULL,
    command_id text NOT NULL,
    command    text NOT NULL,                        -- JSON
    answer     text NOT NULL,                        -- JSON: what the sender was given
    events     text NOT NULL,                        -- JSON: as players and spectators were told
    patch      text NOT NULL,                        -- JSON merge patch of their view, or ''
    outside    text NOT NULL,                        -- JSON [events, patch, …] for everybody else
    private    text NOT NULL,                        -- JSON {user: [events, patch, audience, was]}
    entropy    bytea NOT NULL,                       -- secret input; '' when none was used
    at         bigint NOT NULL,
    PRIMARY KEY (room_id, seq)
);
CREATE UNIQUE INDEX actions_command_once ON actions (room_id, user_id, command_id) WHERE user_id <> '';

CREATE TABLE hands (
    room_id    text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    game       integer NOT NULL,
    number     integer NOT NULL,
    started_at bigint,
    ended_at   bigint,
    board      json,
    pots       json,
    winners    json,
    commitment text,
    record     json NOT NULL,                        -- all that the game says of it
    PRIMARY KEY (room_id, game, number)
);

CREATE TABLE checkpoints (
    room_id text NOT NULL,
    seq     bigint NOT NULL,
    state   text NOT NULL,                           -- JSON: the whole room
    at      bigint NOT NULL,
    PRIMARY KEY (room_id, seq)
);
