-- All SQL but the migrations. Each query follows its name; storage.postgres reads them.

-- name: create_room
-- One room with its host admitted and its first state. Nothing when this creation was made before (rooms_created_once).
WITH made AS (
    INSERT INTO rooms (id, code, name, game, options, visibility, approval, host_id, max_spectators, max_players,
                       created_at, creation_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT ON CONSTRAINT rooms_created_once DO NOTHING
    RETURNING id
), admitted AS (
    INSERT INTO room_players (room_id, user_id, display_name, status, changed_at)
    SELECT id, $8, $13, 'approved', $11 FROM made
), kept AS (
    INSERT INTO checkpoints (room_id, seq, state, at) SELECT id, 0, $15, $11 FROM made
), state AS (
    INSERT INTO game_states (room_id, state, updated_at) SELECT id, $14, $11 FROM made
)
SELECT id FROM made

-- name: created_room
SELECT id FROM rooms WHERE host_id = $1 AND creation_id = $2

-- name: room_summary
-- By id or by code.
SELECT id, code, name, game, options, status, visibility, approval, host_id, max_spectators, players, max_players,
       spectators, created_at
FROM rooms WHERE id = $1 OR code = $2
ORDER BY id = $1 DESC LIMIT 1

-- name: lobby
-- Public rooms, newest first, from the cursor (created_at, id) on.
SELECT id, code, name, game, options, status, visibility, approval, host_id, max_spectators, players, max_players,
       spectators, created_at
FROM rooms
WHERE visibility = 'public' AND status <> 'closed'
  AND ($1::text IS NULL OR game = $1)
  AND ($2::text IS NULL OR status = $2)
  AND (NOT $3::boolean OR players < max_players)
  AND ($4::bigint IS NULL OR (created_at, id) < ($4, $5::text))
ORDER BY created_at DESC, id DESC
LIMIT $6

-- name: locate
-- Where a room is: its epoch, and its actor's name and address (both null when nobody owns it).
SELECT g.epoch, a.name, a.address
FROM game_states g JOIN rooms r ON r.id = g.room_id LEFT JOIN room_actors a ON a.name = r.actor
WHERE g.room_id = $1

-- name: place
-- Give room $1 to a live actor with room to spare other than $3, if its epoch is still $2: the fullest, so that spares
-- stay spare. No row: the race was lost, or there was no such actor. Who loses a race may leave its actor counted once
-- too often; recount_actors mends that. Locks go actor, state, room.
WITH free AS (
    SELECT name FROM room_actors
    WHERE rooms < capacity AND name IS DISTINCT FROM $3 AND alive_at > now() - interval '6 seconds'
      AND suspect_at IS NULL
    ORDER BY rooms DESC, started_at LIMIT 1
), counted AS (
    UPDATE room_actors a SET rooms = a.rooms + 1 FROM free WHERE a.name = free.name AND a.rooms < a.capacity
    RETURNING a.name, a.address
), raised AS (
    UPDATE game_states SET epoch = epoch + 1 FROM counted WHERE room_id = $1 AND epoch = $2
    RETURNING room_id, epoch
), given AS (
    UPDATE rooms SET epoch = raised.epoch, actor = counted.name FROM raised, counted WHERE rooms.id = raised.room_id
    RETURNING rooms.epoch
)
SELECT given.epoch, counted.name, counted.address FROM given, counted

-- name: has_room
-- Whether any live actor but $1 has room to spare (when `place` found one that another placement filled meanwhile).
SELECT EXISTS (SELECT 1 FROM room_actors
               WHERE rooms < capacity AND name IS DISTINCT FROM $1 AND alive_at > now() - interval '6 seconds'
                 AND suspect_at IS NULL)

-- name: raise_epochs
-- The owner's own fence after a commit of unknown outcome: whatever is still under way for these rooms at these epochs
-- will be refused. Rooms left out of the answer belong to somebody else by now.
WITH raised AS (
    UPDATE game_states g SET epoch = g.epoch + 1
    FROM unnest($1::text[], $2::bigint[]) AS mine (room_id, epoch)
    WHERE g.room_id = mine.room_id AND g.epoch = mine.epoch
    RETURNING g.room_id, g.epoch, g.seq
), told AS (
    UPDATE rooms SET epoch = raised.epoch FROM raised WHERE id = raised.room_id
)
SELECT room_id, epoch, seq FROM raised

-- name: release_room
-- The owner $3 lets an idle room go.
WITH held AS (
    SELECT room_id FROM game_states WHERE room_id = $1 AND epoch = $2 FOR UPDATE
)
UPDATE rooms SET actor = NULL FROM held WHERE id = held.room_id AND actor = $3

-- name: load_room
SELECT r.id, r.code, r.name, r.game, r.options, r.status, r.visibility, r.approval, r.host_id, r.max_spectators,
       r.actor, r.alarm_at, g.epoch, g.seq, g.state,
       (SELECT coalesce(json_object_agg(p.user_id, json_build_array(p.display_name, p.status, p.changed_at,
                                                                    s.user_id IS NOT NULL, p.banned)), '{}')
        FROM room_players p LEFT JOIN room_spectators s USING (room_id, user_id)
        WHERE p.room_id = r.id) AS members
FROM rooms r JOIN game_states g ON g.room_id = r.id
WHERE r.id = $1

-- name: positions
-- (epoch, seq) of each of these rooms.
SELECT room_id, epoch, seq FROM game_states WHERE room_id = ANY($1::text[])

-- name: behind
-- Which of these rooms have gone on beyond the seq or the epoch given for them, and how far.
SELECT g.room_id, g.seq, g.epoch
FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS known (room_id, seq, epoch)
JOIN game_states g ON g.room_id = known.room_id
WHERE g.seq > known.seq OR g.epoch > known.epoch

-- name: log_after
-- The updates of room $1 after seq $2, oldest first, at most $3.
SELECT seq, epoch, at, events, patch, outside, private FROM actions
WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3

-- name: moved_after
-- The first update after seq $2 that may have moved user $3 from one audience to the other.
SELECT seq, epoch, at, events, patch, outside, private FROM actions
WHERE room_id = $1 AND seq > $2 AND strpos(private, $3) > 0 AND strpos(private, 'side"') > 0 ORDER BY seq LIMIT 1

-- name: log_last
-- The last $3 updates of room $1 up to seq $2, oldest first, with what is needed to answer a repeated command.
SELECT * FROM (
    SELECT seq, epoch, at, events, patch, outside, private, user_id, command_id, answer FROM actions
    WHERE room_id = $1 AND seq <= $2 ORDER BY seq DESC LIMIT $3
) last ORDER BY seq

-- name: log_commands
-- The commands themselves after seq $2, for replay.
SELECT seq, epoch, game, hand, user_id, user_name, command_id, command, answer, events, patch, outside, private,
       entropy, at
FROM actions WHERE room_id = $1 AND seq > $2 ORDER BY seq LIMIT $3

-- name: answers
-- What was answered to commands that were committed before.
SELECT a.room_id, a.user_id, a.command_id, a.seq, a.answer
FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (room_id, user_id, command_id)
JOIN actions a ON a.room_id = asked.room_id AND a.user_id = asked.user_id AND a.command_id = asked.command_id
WHERE a.user_id <> ''

-- name: audience_of
-- Whether user $2 is inside room $1 (seated or watching), as the last commit left it. Who has left, or was put out, may
-- still hold a seat until the hand ends.
SELECT EXISTS (SELECT 1 FROM room_seats JOIN room_players USING (room_id, user_id)
               WHERE room_id = $1 AND user_id = $2 AND room_players.status = 'approved')
    OR EXISTS (SELECT 1 FROM room_spectators WHERE room_id = $1 AND user_id = $2) AS inside,
       (SELECT seq FROM game_states WHERE room_id = $1) AS seq

-- name: membership
-- The part of user $2 in room $1.
SELECT r.host_id, p.display_name, p.status, s.seat_index, w.user_id IS NOT NULL AS watching
FROM rooms r
LEFT JOIN room_players p ON p.room_id = r.id AND p.user_id = $2
LEFT JOIN room_seats s ON s.room_id = r.id AND s.user_id = $2
LEFT JOIN room_spectators w ON w.room_id = r.id AND w.user_id = $2
WHERE r.id = $1

-- name: spectators
SELECT user_id, display_name FROM room_spectators WHERE room_id = $1 ORDER BY joined_at, user_id

-- name: commit
-- The fence, the states and the log of everything decided since the last commit, across rooms. Rooms whose epoch or
-- previous seq is not what their owner believes are left out of the answer: their owner is fenced, and nothing of theirs
-- is written.
WITH input AS (
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[])
        AS i (room_id, epoch, prev, seq, state, at)
), held AS (
    UPDATE game_states g SET seq = i.seq, state = i.state, updated_at = i.at
    FROM input i
    WHERE g.room_id = i.room_id AND g.epoch = i.epoch AND g.seq = i.prev
    RETURNING g.room_id, g.epoch
), logged AS (
    INSERT INTO actions (room_id, epoch, seq, game, hand, user_id, user_name, command_id, command, answer, events, patch,
                         outside, private, entropy, at)
    SELECT l.room_id, held.epoch, l.seq, l.game, l.hand, l.user_id, l.user_name, l.command_id, l.command, l.answer,
           l.events, l.patch, l.outside, l.private, l.entropy, l.at
    FROM unnest($7::text[], $8::bigint[], $9::integer[], $10::integer[], $11::text[], $12::text[], $13::text[],
                $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::bytea[],
                $21::bigint[])
        AS l (room_id, seq, game, hand, user_id, user_name, command_id, command, answer, events, patch, outside, private,
              entropy, at)
    JOIN held ON held.room_id = l.room_id
)
SELECT room_id FROM held

-- name: commit_one
-- As `commit`, for a batch of one update: at a quiet table it takes a quarter less of Postgres's time.
WITH held AS (
    UPDATE game_states SET seq = $4, state = $5, updated_at = $6
    WHERE room_id = $1 AND epoch = $2 AND seq = $3
    RETURNING room_id, epoch
)
INSERT INTO actions (room_id, epoch, seq, game, hand, user_id, user_name, command_id, command, answer, events, patch,
                     outside, private, entropy, at)
SELECT room_id, epoch, $4, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $6 FROM held
RETURNING room_id

-- name: commit_records
-- As `commit`, for batches in which more than states changed: `$22`… carry the other tables' rows as JSON arrays.
WITH input AS (
    SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[])
        AS i (room_id, epoch, prev, seq, state, at)
), held AS (
    UPDATE game_states g SET seq = i.seq, state = i.state, updated_at = i.at
    FROM input i
    WHERE g.room_id = i.room_id AND g.epoch = i.epoch AND g.seq = i.prev
    RETURNING g.room_id, g.epoch
), logged AS (
    INSERT INTO actions (room_id, epoch, seq, game, hand, user_id, user_name, command_id, command, answer, events, patch,
                         outside, private, entropy, at)
    SELECT l.room_id, held.epoch, l.seq, l.game, l.hand, l.user_id, l.user_name, l.command_id, l.command, l.answer,
           l.events, l.patch, l.outside, l.private, l.entropy, l.at
    FROM unnest($7::text[], $8::bigint[], $9::integer[], $10::integer[], $11::text[], $12::text[], $13::text[],
                $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::bytea[],
                $21::bigint[])
        AS l (room_id, seq, game, hand, user_id, user_name, command_id, command, answer, events, patch, outside, private,
              entropy, at)
    JOIN held ON held.room_id = l.room_id
), summaries AS (
    UPDATE rooms r SET status = s.status, host_id = s.host_id, alarm_at = s.alarm_at, players = s.players,
                       spectators = s.spectators, current_game_id = s.current_game_id, name = s.name,
                       approval = s.approval, visibility = s.visibility, max_spectators = s.max_spectators,
                       max_players = s.max_players, options = s.options, closed_at = s.closed_at
    FROM json_to_recordset($22::json)
        AS s (room_id text, status text, host_id text, alarm_at bigint, players integer, spectators integer,
              current_game_id text, name text, approval text, visibility text, max_spectators integer,
              max_players integer, options json, closed_at bigint)
    JOIN held ON held.room_id = s.room_id
    WHERE r.id = s.room_id
), players_gone AS (
    DELETE FROM room_players p
    USING json_to_recordset($23::json) AS x (room_id text, user_id text, status text) JOIN held USING (room_id)
    WHERE x.status IS NULL AND p.room_id = x.room_id AND p.user_id = x.user_id
), players_here AS (
    INSERT INTO room_players (room_id, user_id, display_name, status, changed_at, banned)
    SELECT x.room_id, x.user_id, x.display_name, x.status, x.changed_at, x.banned
    FROM json_to_recordset($23::json)
        AS x (room_id text, user_id text, display_name text, status text, changed_at bigint, banned boolean)
    JOIN held USING (room_id)
    WHERE x.status IS NOT NULL
    ON CONFLICT (room_id, user_id) DO UPDATE
    SET display_name = excluded.display_name, status = excluded.status, changed_at = excluded.changed_at,
        banned = excluded.banned
), spectators_gone AS (
    DELETE FROM room_spectators p
    USING json_to_recordset($24::json) AS x (room_id text, user_id text, display_name text) JOIN held USING (room_id)
    WHERE x.display_name IS NULL AND p.room_id = x.room_id AND p.user_id = x.user_id
), spectators_here AS (
    INSERT INTO room_spectators (room_id, user_id, display_name, joined_at, last_seen_at)
    SELECT x.room_id, x.user_id, x.display_name, x.joined_at, x.joined_at
    FROM json_to_recordset($24::json) AS x (room_id text, user_id text, display_name text, joined_at bigint)
    JOIN held USING (room_id)
    WHERE x.display_name IS NOT NULL
    ON CONFLICT (room_id, user_id) DO UPDATE
    SET display_name = excluded.display_name, joined_at = excluded.joined_at
), seats_gone AS (
    DELETE FROM room_seats p
    USING json_to_recordset($25::json) AS x (room_id text, seat_index integer, user_id text) JOIN held USING (room_id)
    WHERE x.user_id IS NULL AND p.room_id = x.room_id AND p.seat_index = x.seat_index
), seats_here AS (
    INSERT INTO room_seats (room_id, seat_index, user_id, display_name, chips, seated_at, status, away_since,
                            seat_token, last_seen_at, last_heartbeat_at)
    SELECT x.room_id, x.seat_index, x.user_id, x.display_name, x.chips, x.seated_at, x.status, x.away_since,
           coalesce(x.seat_token, ''), x.seated_at, x.seated_at
    FROM json_to_recordset($25::json)
        AS x (room_id text, seat_index integer, user_id text, display_name text, chips bigint, seated_at bigint,
              status text, away_since bigint, seat_token text)
    JOIN held USING (room_id)
    WHERE x.user_id IS NOT NULL
    ON CONFLICT (room_id, seat_index) DO UPDATE
    SET user_id = excluded.user_id, display_name = excluded.display_name, chips = excluded.chips,
        seated_at = excluded.seated_at, status = excluded.status, away_since = excluded.away_since,
        seat_token = CASE WHEN excluded.seat_token = '' THEN room_seats.seat_token ELSE excluded.seat_token END
), games_here AS (
    INSERT INTO games (id, room_id, number, kind, status, started_at, ended_at, result)
    SELECT x.id, x.room_id, x.number, x.kind, x.status, x.started_at, x.ended_at, x.result
    FROM json_to_recordset($26::json)
        AS x (id text, room_id text, number integer, kind text, status text, started_at bigint, ended_at bigint,
              result json)
    JOIN held USING (room_id)
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, ended_at = excluded.ended_at, result = excluded.result
), hands_here AS (
    INSERT INTO hands (room_id, game, number, started_at, ended_at, board, pots, winners, commitment, record)
    SELECT x.room_id, x.game, x.number, x.started_at, x.ended_at, x.record -> 'board', x.record -> 'pots',
           x.record -> 'winners', x.record ->> 'commitment', x.record
    FROM json_to_recordset($27::json)
        AS x (room_id text, game integer, number integer, started_at bigint, ended_at bigint, record json)
    JOIN held USING (room_id)
    ON CONFLICT (room_id, game, number) DO UPDATE
    SET started_at = coalesce(hands.started_at, excluded.started_at), ended_at = excluded.ended_at,
        board = excluded.board, pots = excluded.pots, winners = excluded.winners, commitment = excluded.commitment,
        record = excluded.record
), kept AS (
    INSERT INTO checkpoints (room_id, seq, state, at)
    SELECT x.room_id, x.seq, x.state, x.at
    FROM json_to_recordset($28::json) AS x (room_id text, seq bigint, state text, at bigint)
    JOIN held USING (room_id)
    ON CONFLICT DO NOTHING
), tokens_gone AS (
    DELETE FROM rejoin_tokens t
    USING json_to_recordset($29::json) AS x (room_id text, user_id text, hash text) JOIN held USING (room_id)
    WHERE x.hash IS NULL AND t.room_id = x.room_id AND t.user_id = x.user_id
), tokens_here AS (
    INSERT INTO rejoin_tokens (hash, room_id, user_id, role, seat_index, issued_at, expires_at)
    SELECT decode(x.hash, 'hex'), x.room_id, x.user_id, x.role, x.seat_index, x.issued_at, x.expires_at
    FROM json_to_recordset($29::json)
        AS x (room_id text, user_id text, hash text, role text, seat_index integer, issued_at bigint,
              expires_at bigint)
    JOIN held USING (room_id)
    WHERE x.hash IS NOT NULL
    ON CONFLICT DO NOTHING
), connections_gone AS (
    DELETE FROM connection_tokens c
    USING json_to_recordset($25::json) AS x (room_id text, seat_index integer, user_id text) JOIN held USING (room_id)
    WHERE c.room_id = x.room_id AND c.seat_index = x.seat_index AND c.user_id IS DISTINCT FROM x.user_id
)
SELECT room_id FROM held

-- name: checkpoint_first
-- The oldest checkpoint of room $1.
SELECT seq, state FROM checkpoints WHERE room_id = $1 ORDER BY seq LIMIT 1

-- name: register_actor
INSERT INTO room_actors (name, node, pid, address, capacity) VALUES ($1, $2, $3, $4, $5)

-- name: beat_actor
-- No row: the actor was given up for dead.
UPDATE room_actors SET alive_at = now(), suspect_at = NULL WHERE name = $1 RETURNING rooms

-- name: suspect_actor
-- It did not answer: give it no rooms until it beats again.
UPDATE room_actors SET suspect_at = now() WHERE name = $1

-- name: dead_actors
-- Silent for longer than $1 seconds.
SELECT name, pid, node FROM room_actors WHERE alive_at < now() - make_interval(secs => $1)

-- name: spare_actors
SELECT count(*) FROM room_actors
WHERE rooms = 0 AND alive_at > now() - interval '6 seconds' AND suspect_at IS NULL

-- name: forget_actor
DELETE FROM room_actors WHERE name = $1

-- name: retire_spare
-- An empty actor, no longer needed: it ends by itself when its row is gone.
DELETE FROM room_actors WHERE rooms = 0 AND name = (
    SELECT name FROM room_actors WHERE rooms = 0 AND NOT EXISTS (SELECT 1 FROM rooms WHERE actor = room_actors.name)
    ORDER BY started_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING name

-- name: actors
SELECT name, node, pid, address, capacity, rooms, now() - alive_at > interval '6 seconds' AS silent FROM room_actors
ORDER BY started_at

-- name: recount_actors
-- What room_actors.rooms should be.
UPDATE room_actors a SET rooms = c.rooms
FROM (SELECT a.name, count(r.id)::integer AS rooms FROM room_actors a LEFT JOIN rooms r ON r.actor = a.name
      GROUP BY a.name) c
WHERE a.name = c.name AND a.rooms <> c.rooms

-- name: overdue
-- Rooms whose alarm should have been answered by now and whose actor is not there to do it.
SELECT r.id FROM rooms r LEFT JOIN room_actors a ON a.name = r.actor
WHERE r.alarm_at < $1 AND r.status <> 'closed' AND (a.name IS NULL OR a.alive_at < now() - interval '6 seconds')
ORDER BY r.alarm_at LIMIT $2

-- name: all_rooms
-- For an operator.
SELECT r.id, r.code, r.game, r.status, g.seq, r.players + r.spectators AS members, r.actor, a.node, a.pid, g.epoch,
       r.name, r.alarm_at, g.updated_at, octet_length(g.state) AS bytes
FROM rooms r JOIN game_states g ON g.room_id = r.id LEFT JOIN room_actors a ON a.name = r.actor
WHERE $1::text IS NULL OR r.id = $1 OR r.code = $1
ORDER BY r.created_at, r.id


-- name: ping
SELECT 1
