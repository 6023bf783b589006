-- Rooms that cannot be read, repaired. All that a repair writes over is copied to `repairs`, by the same statement.

-- name: rebuild_room
-- The room's state :was at :epoch and :seq becomes :state, and its settings :settings, if they are given; its epoch is
-- raised, as in `place`, and it has no owner any more if :free. Gives the number of the copy. No row: it was not as it
-- is said to be, and is left alone.
WITH held AS (
    SELECT g.room_id, g.seq, g.epoch, g.state, g.checksum, r.settings
    FROM game_states g JOIN rooms r ON r.id = g.room_id
    WHERE g.room_id = :room_id AND g.epoch = :epoch AND g.seq = :seq AND g.state = :was FOR UPDATE
), kept AS (
    INSERT INTO repairs (room_id, number, seq, found, done, kept)
    SELECT room_id, (SELECT coalesce(max(number), 0) + 1 FROM repairs p WHERE p.room_id = held.room_id), seq, :found,
           :done, json_build_object('state', state, 'checksum', checksum, 'settings', settings)
    FROM held RETURNING number
), written AS (
    UPDATE game_states g
    SET state = :state, checksum = state_checksum(g.seq, :state),
        epoch = greatest(g.epoch, extract(epoch FROM clock_timestamp())::bigint << 21) + 1
                + (random() * 2000000)::bigint
    FROM held WHERE g.room_id = held.room_id
    RETURNING g.room_id, g.epoch
), told AS (
    UPDATE rooms r SET epoch = written.epoch, settings = coalesce(:settings, r.settings),
                       actor = CASE WHEN :free::boolean THEN NULL ELSE actor END
    FROM written WHERE r.id = written.room_id
), readable AS (
    DELETE FROM unreadable_rooms u USING written WHERE u.room_id = written.room_id
)
SELECT number FROM kept

-- name: put_back_room
-- Room :room_id, which stands at :epoch and :seq, goes on from :back_to, and what the log has beyond goes. To those
-- who follow it this is a database that went back. Gives the number of the copy. No row: as in `rebuild_room`.
WITH held AS (
    SELECT g.room_id, g.seq, g.epoch, g.state, g.checksum, r.settings, r.status, r.host_id
    FROM game_states g JOIN rooms r ON r.id = g.room_id
    WHERE g.room_id = :room_id AND g.epoch = :epoch AND g.seq = :seq FOR UPDATE
), kept AS (
    INSERT INTO repairs (room_id, number, seq, found, done, kept)
    SELECT room_id, (SELECT coalesce(max(number), 0) + 1 FROM repairs p WHERE p.room_id = held.room_id), seq, :found,
           :done, json_build_object(
               'state', state, 'checksum', checksum, 'settings', settings, 'status', status, 'host_id', host_id,
               'players', (SELECT json_agg(p) FROM room_players p WHERE p.room_id = held.room_id),
               'spectators', (SELECT json_agg(s) FROM room_spectators s WHERE s.room_id = held.room_id),
               'seats', (SELECT json_agg(s) FROM room_seats s WHERE s.room_id = held.room_id),
               'log', (SELECT json_agg(h ORDER BY h.seq) FROM history h  -- as it stands: `actions` would read it
                       WHERE h.room_id = held.room_id AND h.page >= :back_to::bigint >> 6 AND h.seq > :back_to),
               'checkpoints', (SELECT json_agg(c ORDER BY c.seq) FROM checkpoints c
                               WHERE c.room_id = held.room_id AND c.seq > :back_to))
    FROM held RETURNING number
), written AS (
    UPDATE game_states g
    SET seq = :back_to, state = :state, checksum = state_checksum(:back_to, :state),
        epoch = greatest(g.epoch, extract(epoch FROM clock_timestamp())::bigint << 21) + 1
                + (random() * 2000000)::bigint
    FROM held WHERE g.room_id = held.room_id
    RETURNING g.room_id, g.epoch
), told AS (
    UPDATE rooms r
    SET epoch = written.epoch, actor = NULL, settings = :settings, status = :status, host_id = :host_id,
        players = :seated, spectators = :watching, alarm_at = :alarm_at, max_players = :max_players,
        present = :present, deferred = :deferred, reserved = :reserved,
        current_game_id = :game_id, closed_at = CASE WHEN :status::text = 'closed' THEN closed_at END
    FROM written WHERE r.id = written.room_id
), log AS (
    DELETE FROM log USING written
    WHERE log.room_id = written.room_id AND log.seq >> 6 >= :back_to >> 6 AND log.seq > :back_to
), older AS (
    DELETE FROM actions_before a USING written WHERE a.room_id = written.room_id AND a.seq > :back_to
), unknown AS (
    DELETE FROM commands USING written
    WHERE key BETWEEN (room_key(written.room_id) || repeat('0', 16))::uuid
                  AND (room_key(written.room_id) || repeat('f', 16))::uuid AND commands.seq > :back_to
), checkpoints_gone AS (
    DELETE FROM checkpoints c USING written WHERE c.room_id = written.room_id AND c.seq > :back_to
), readable AS (
    DELETE FROM unreadable_rooms u USING written WHERE u.room_id = written.room_id
)
SELECT number FROM kept

-- name: put_back_people
-- Members, spectators and seats of room :room_id are these (JSON, as in records.sql), and nobody else. A seat whose
-- player had it before keeps its token.
WITH members AS (
    SELECT * FROM json_to_recordset(:players) AS p (user_id text, display_name text, status text, changed_at bigint,
                                                    banned boolean, leaves_at bigint, idle boolean)
), watching AS (
    SELECT * FROM json_to_recordset(:spectators) AS s (user_id text, display_name text, joined_at bigint)
), sitting AS (
    SELECT * FROM json_to_recordset(:seats) AS s (seat_index integer, user_id text, display_name text, chips bigint,
                                                  seated_at bigint, status text, away_since bigint)
), gone AS (
    DELETE FROM room_players WHERE room_id = :room_id AND user_id NOT IN (SELECT user_id FROM members)
), without AS (
    DELETE FROM rejoin_tokens WHERE room_id = :room_id
      AND user_id NOT IN (SELECT user_id FROM members WHERE status = 'approved')
), stopped AS (
    DELETE FROM room_spectators WHERE room_id = :room_id AND user_id NOT IN (SELECT user_id FROM watching)
), risen AS (
    DELETE FROM room_seats WHERE room_id = :room_id AND seat_index NOT IN (SELECT seat_index FROM sitting)
), joined AS (
    INSERT INTO room_players (room_id, user_id, display_name, status, changed_at, banned, leaves_at, idle)
    SELECT :room_id, user_id, display_name, status, changed_at, banned, leaves_at, idle FROM members
    ON CONFLICT (room_id, user_id) DO UPDATE
    SET display_name = excluded.display_name, status = excluded.status, changed_at = excluded.changed_at,
        banned = excluded.banned, leaves_at = excluded.leaves_at, idle = excluded.idle
), watched AS (
    INSERT INTO room_spectators (room_id, user_id, display_name, joined_at)
    SELECT :room_id, user_id, display_name, joined_at FROM watching
    ON CONFLICT (room_id, user_id) DO UPDATE SET display_name = excluded.display_name, joined_at = excluded.joined_at
)
INSERT INTO room_seats AS s (room_id, seat_index, user_id, display_name, chips, seated_at, status, away_since)
SELECT :room_id, seat_index, user_id, display_name, chips, seated_at, status, away_since FROM sitting
ON CONFLICT (room_id, seat_index) DO UPDATE
SET seat_token = CASE WHEN s.user_id = excluded.user_id THEN s.seat_token ELSE '' END,
    user_id = excluded.user_id, display_name = excluded.display_name, chips = excluded.chips,
    seated_at = excluded.seated_at, status = excluded.status, away_since = excluded.away_since

-- name: put_back_history
-- Of room :room_id no game after number :game is left, which is over or not, and no hand after :hand of that; of a hand
-- that runs nothing is told.
WITH hands_gone AS (
    DELETE FROM hands WHERE room_id = :room_id AND (
        (game, number) > (:game::integer, :hand::integer)
        OR (:in_hand::boolean AND (game, number) = (:game::integer, :hand::integer)))
), goes_on AS (
    UPDATE games SET status = 'running', ended_at = NULL, result = NULL
    WHERE room_id = :room_id AND number = :game AND :running::boolean
)
DELETE FROM games WHERE room_id = :room_id AND number > :game

-- name: repairs
-- The repairs of room :room_id, the first of them first.
SELECT number, at, seq, found, done FROM repairs WHERE room_id = :room_id ORDER BY number
