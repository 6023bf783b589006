-- Matchmaking: seats promised to whoever was sent to a room and has not sat down yet.

ALTER TABLE matches ADD COLUMN key text;             -- the caller's Idempotency-Key
CREATE UNIQUE INDEX matches_once ON matches (user_id, key);
CREATE INDEX matches_expiry ON matches (expires_at);

-- Rooms that the matchmaker may send somebody to.
CREATE INDEX rooms_open_seats ON rooms (game, (options::jsonb))
    WHERE visibility = 'public' AND approval = 'auto' AND status IN ('open', 'playing') AND players < max_players;
