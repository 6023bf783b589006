-- Everybody's part in a room: presence, tokens, sessions. Times ending in _at are milliseconds since the epoch.

ALTER TABLE rooms ADD COLUMN closed_at bigint;

ALTER TABLE room_players ADD COLUMN banned boolean NOT NULL DEFAULT false;  -- kicked, and may never ask again

ALTER TABLE room_seats
    ADD COLUMN status            text NOT NULL DEFAULT 'active'
               CHECK (status IN ('active', 'away', 'disconnected', 'sitting_out')),
    ADD COLUMN away_since        bigint,
    ADD COLUMN seat_token        text NOT NULL DEFAULT '',   -- the jti of the tokens that are good for this seat
    ADD COLUMN last_seen_at      bigint,                     -- by a socket or a request; written in batches
    ADD COLUMN last_heartbeat_at bigint;                     -- by a socket; written in batches
-- No index holds last_heartbeat_at: it is written at every beat, and read now and then, of all seats at once.

ALTER TABLE room_spectators ADD COLUMN last_seen_at bigint;

CREATE TABLE rejoin_tokens (
    hash        bytea PRIMARY KEY,                   -- SHA-256 of the token
    room_id     text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    user_id     text NOT NULL,
    role        text NOT NULL CHECK (role IN ('host', 'player', 'spectator', 'approved')),
    seat_index  integer,
    issued_at   bigint NOT NULL,
    expires_at  bigint NOT NULL,                     -- put off while its holder is connected; see also valid_rejoin_token
    replaced_at bigint                               -- another was given for it: it is good until it expires, and no longer
) WITH (fillfactor = 70);
CREATE INDEX rejoin_tokens_holder ON rejoin_tokens (room_id, user_id);

CREATE TABLE connection_tokens (
    hash       bytea PRIMARY KEY,                    -- SHA-256 of the token; the row goes when it is used
    room_id    text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    user_id    text NOT NULL,
    seat_index integer NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX connection_tokens_expiry ON connection_tokens (expires_at);

-- The backup of the sessions in Redis.
CREATE TABLE app_sessions (
    sid     bytea PRIMARY KEY,                       -- SHA-256 of what the cookie holds
    user_id text NOT NULL,
    sess    json NOT NULL,
    expire  bigint NOT NULL
);
CREATE INDEX app_sessions_user ON app_sessions (user_id);
CREATE INDEX app_sessions_expiry ON app_sessions (expire);

-- Users who signed out everywhere, and when: tokens that were issued before are no good any more.
CREATE TABLE sign_outs (
    user_id text PRIMARY KEY,
    at      bigint NOT NULL
);
CREATE INDEX sign_outs_at ON sign_outs (at);

-- Users who were sent to a free seat lately and have not sat down yet.
CREATE TABLE matches (
    room_id    text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    user_id    text NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (room_id, user_id)
);

-- Everybody who is admitted to a room, and what their part in it is, as the last commit left it. A user who has left,
-- or was put out, is not here, even while they still hold a seat.
CREATE VIEW admitted AS
SELECT p.room_id, p.user_id, p.display_name, s.seat_index, s.seat_token, r.host_id = p.user_id AS is_host, g.seq,
       CASE WHEN s.user_id IS NOT NULL THEN 'player' WHEN w.user_id IS NOT NULL THEN 'spectator' ELSE 'approved' END
           AS role
FROM room_players p
JOIN rooms r ON r.id = p.room_id
JOIN game_states g ON g.room_id = p.room_id
LEFT JOIN room_seats s ON s.room_id = p.room_id AND s.user_id = p.user_id
LEFT JOIN room_spectators w ON w.room_id = p.room_id AND w.user_id = p.user_id
WHERE p.status = 'approved';
