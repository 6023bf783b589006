-- Rows that a commit writes beside states and log, by table: for each kind of `Records` that has rows, its part joins
-- `commit` (in commit.sql) before what is last, with its rows as a JSON array in the parameter of its name. A part
-- writes for rooms that are `held`.

-- part: rooms
summaries AS (
    UPDATE rooms r SET status = s.status, host_id = s.host_id, alarm_at = s.alarm_at, players = s.players,
                       spectators = s.spectators, current_game_id = s.current_game_id,
                       max_players = s.max_players, settings = s.settings, closed_at = s.closed_at,
                       present = coalesce(s.present, 0), active_at = s.active_at, deferred = s.deferred,
                       reserved = coalesce(s.reserved, '{}')
    FROM json_to_recordset(:rooms::json)
        AS s (room_id text, status text, host_id text, alarm_at bigint, players integer, spectators integer,
              current_game_id text, max_players integer, settings json, closed_at bigint, present integer, active_at bigint,
              deferred json, reserved integer[])
    JOIN held ON held.room_id = s.room_id
    WHERE r.id = s.room_id
)

-- part: players
players_gone AS (
    DELETE FROM room_players p
    USING json_to_recordset(:players::json) AS x (room_id text, user_id text, status text) JOIN held USING (room_id)
    WHERE x.status IS NULL AND p.room_id = x.room_id AND p.user_id = x.user_id
), players_here AS (
    INSERT INTO room_players (room_id, user_id, display_name, status, changed_at, banned, leaves_at, idle)
    SELECT x.room_id, x.user_id, x.display_name, x.status, x.changed_at, x.banned, x.leaves_at, coalesce(x.idle, false)
    FROM json_to_recordset(:players::json)
        AS x (room_id text, user_id text, display_name text, status text, changed_at bigint, banned boolean,
              leaves_at bigint, idle boolean)
    JOIN held USING (room_id)
    WHERE x.status IS NOT NULL
    ON CONFLICT (room_id, user_id) DO UPDATE
    SET display_name = excluded.display_name, status = excluded.status, changed_at = excluded.changed_at,
        banned = excluded.banned, leaves_at = excluded.leaves_at, idle = excluded.idle
), sessions_kept AS (
    -- Somebody who has been let in, or asks to be, is no passer-by any more.
    UPDATE app_sessions a SET life = 604800000, expire = a.expire - a.life + 604800000
    FROM json_to_recordset(:players::json) AS x (room_id text, user_id text, status text, changed_at bigint)
    JOIN held USING (room_id)
    WHERE x.status IN ('pending', 'approved') AND a.user_id = x.user_id AND a.life < 604800000
      AND a.expire > x.changed_at
)

-- part: spectators
spectators_gone AS (
    DELETE FROM room_spectators p
    USING json_to_recordset(:spectators::json) AS x (room_id text, user_id text, display_name text)
    JOIN held USING (room_id)
    WHERE x.display_name IS NULL AND p.room_id = x.room_id AND p.user_id = x.user_id
), spectators_here AS (
    INSERT INTO room_spectators (room_id, user_id, display_name, joined_at, last_seen_at)
    SELECT x.room_id, x.user_id, x.display_name, x.joined_at, x.joined_at
    FROM json_to_recordset(:spectators::json) AS x (room_id text, user_id text, display_name text, joined_at bigint)
    JOIN held USING (room_id)
    WHERE x.display_name IS NOT NULL
    ON CONFLICT (room_id, user_id) DO UPDATE
    SET display_name = excluded.display_name, joined_at = excluded.joined_at
)

-- part: seats
seats_gone AS (
    DELETE FROM room_seats p
    USING json_to_recordset(:seats::json) AS x (room_id text, seat_index integer, user_id text)
    JOIN held USING (room_id)
    WHERE x.user_id IS NULL AND p.room_id = x.room_id AND p.seat_index = x.seat_index
), seats_here AS (
    INSERT INTO room_seats (room_id, seat_index, user_id, display_name, chips, seated_at, status, away_since,
                            seat_token, last_seen_at, last_heartbeat_at)
    SELECT x.room_id, x.seat_index, x.user_id, x.display_name, x.chips, x.seated_at, x.status, x.away_since,
           coalesce(x.seat_token, ''), x.seated_at, x.seated_at
    FROM json_to_recordset(:seats::json)
        AS x (room_id text, seat_index integer, user_id text, display_name text, chips bigint, seated_at bigint,
              status text, away_since bigint, seat_token text)
    JOIN held USING (room_id)
    WHERE x.user_id IS NOT NULL
    ON CONFLICT (room_id, seat_index) DO UPDATE
    SET user_id = excluded.user_id, display_name = excluded.display_name, chips = excluded.chips,
        seated_at = excluded.seated_at, status = excluded.status, away_since = excluded.away_since,
        seat_token = CASE WHEN excluded.seat_token = '' THEN room_seats.seat_token ELSE excluded.seat_token END
), connections_gone AS (
    DELETE FROM connection_tokens c
    USING json_to_recordset(:seats::json) AS x (room_id text, seat_index integer, user_id text)
    JOIN held USING (room_id)
    WHERE c.room_id = x.room_id AND c.seat_index = x.seat_index AND c.user_id IS DISTINCT FROM x.user_id
)

-- part: games
games_here AS (
    INSERT INTO games (id, room_id, number, kind, status, started_at, ended_at, result)
    SELECT x.id, x.room_id, x.number, x.kind, x.status, x.started_at, x.ended_at, x.result
    FROM json_to_recordset(:games::json)
        AS x (id text, room_id text, number integer, kind text, status text, started_at bigint, ended_at bigint,
              result json)
    JOIN held USING (room_id)
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, ended_at = excluded.ended_at, result = excluded.result
)

-- part: hands
hands_here AS (
    INSERT INTO hands (room_id, game, number, started_at, ended_at, record)
    SELECT x.room_id, x.game, x.number, x.started_at, x.ended_at, x.record
    FROM json_to_recordset(:hands::json)
        AS x (room_id text, game integer, number integer, started_at bigint, ended_at bigint, record json)
    JOIN held USING (room_id)
    ON CONFLICT (room_id, game, number) DO UPDATE
    SET started_at = coalesce(hands.started_at, excluded.started_at), ended_at = excluded.ended_at,
        record = excluded.record
)

-- part: checkpoints
kept AS (
    INSERT INTO checkpoints (room_id, seq, state, at, body)
    SELECT x.room_id, x.seq, '', x.at, decode(x.body, 'base64')
    FROM json_to_recordset(:checkpoints::json) AS x (room_id text, seq bigint, at bigint, body text)
    JOIN held USING (room_id)
    ON CONFLICT DO NOTHING
)

-- part: tokens
tokens_gone AS (
    DELETE FROM rejoin_tokens t
    USING json_to_recordset(:tokens::json) AS x (room_id text, user_id text, hash text) JOIN held USING (room_id)
    WHERE x.hash IS NULL AND t.room_id = x.room_id AND t.user_id = x.user_id
), tokens_here AS (
    INSERT INTO rejoin_tokens (hash, room_id, user_id, role, seat_index, issued_at, expires_at)
    SELECT decode(x.hash, 'hex'), x.room_id, x.user_id, x.role, x.seat_index, x.issued_at, x.expires_at
    FROM json_to_recordset(:tokens::json)
        AS x (room_id text, user_id text, hash text, role text, seat_index integer, issued_at bigint,
              expires_at bigint)
    JOIN held USING (room_id)
    WHERE x.hash IS NOT NULL
    ON CONFLICT DO NOTHING
)
