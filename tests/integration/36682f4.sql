-- Statements of commit 36682f4, before stored things had versions: what code of that time runs during a roll-out.

-- name: commit
WITH input AS (
    SELECT * FROM unnest(:state_room_id::text[], :state_epoch::bigint[], :state_prev::bigint[], :state_seq::bigint[],
                         :state_state::text[], :state_at::bigint[])
        AS i (room_id, epoch, prev, seq, state, at)
), held AS (
    UPDATE game_states g SET seq = i.seq, state = i.state, updated_at = i.at
    FROM input i
    WHERE g.room_id = i.room_id AND g.epoch = i.epoch AND g.seq = i.prev
    RETURNING g.room_id, g.epoch
), logged AS (
    INSERT INTO actions (room_id, epoch, seq, game, hand, user_id, user_name, command_id, command, answer, events,
                         patch, outside, private, entropy, at)
    SELECT l.room_id, held.epoch, l.seq, l.game, l.hand, l.user_id, l.user_name, l.command_id, l.command, l.answer,
           l.events, l.patch, l.outside, l.private, l.entropy, l.at
    FROM unnest(:log_room_id::text[], :log_seq::bigint[], :log_game::integer[], :log_hand::integer[],
                :log_user_id::text[], :log_user_name::text[], :log_command_id::text[], :log_command::text[],
                :log_answer::text[], :log_events::text[], :log_patch::text[], :log_outside::text[],
                :log_private::text[], :log_entropy::bytea[], :log_at::bigint[])
        AS l (room_id, seq, game, hand, user_id, user_name, command_id, command, answer, events, patch, outside,
              private, entropy, at)
    JOIN held ON held.room_id = l.room_id
)
SELECT room_id FROM held

-- name: commit_one
WITH held AS (
    UPDATE game_states SET seq = :state_seq, state = :state_state, updated_at = :state_at
    WHERE room_id = :state_room_id AND epoch = :state_epoch AND seq = :state_prev
    RETURNING room_id, epoch
)
INSERT INTO actions (room_id, epoch, seq, game, hand, user_id, user_name, command_id, command, answer, events, patch,
                     outside, private, entropy, at)
SELECT room_id, epoch, :state_seq, :log_game, :log_hand, :log_user_id, :log_user_name, :log_command_id, :log_command,
       :log_answer, :log_events, :log_patch, :log_outside, :log_private, :log_entropy, :state_at
FROM held
RETURNING room_id

-- name: load_room
SELECT r.id, r.code, r.game, r.settings, r.status, r.host_id, r.actor, r.alarm_at, g.epoch, g.seq, g.state,
       (SELECT coalesce(json_object_agg(p.user_id, json_build_object(
                   'display_name', p.display_name, 'status', p.status, 'changed_at', p.changed_at,
                   'watching', s.user_id IS NOT NULL, 'banned', p.banned)), '{}')
        FROM room_players p LEFT JOIN room_spectators s USING (room_id, user_id)
        WHERE p.room_id = r.id) AS members
FROM rooms r JOIN game_states g ON g.room_id = r.id
WHERE r.id = :room_id

-- name: log_last
SELECT * FROM (
    SELECT seq, epoch, at, events, patch, outside, private, user_id, command_id, command, answer FROM actions
    WHERE room_id = :room_id AND seq <= :seq ORDER BY seq DESC LIMIT :most
) last ORDER BY seq

-- name: log_commands
SELECT seq, epoch, game, hand, user_id, user_name, command_id, command, answer, events, patch, outside, private,
       entropy, at
FROM actions WHERE room_id = :room_id AND seq > :after ORDER BY seq LIMIT :most

-- name: answers
SELECT a.room_id, a.user_id, a.command_id, a.seq, a.command, a.answer
FROM unnest(:rooms::text[], :users::text[], :commands::text[]) AS asked (room_id, user_id, command_id)
JOIN actions a ON a.room_id = asked.room_id AND a.user_id = asked.user_id AND a.command_id = asked.command_id
WHERE a.user_id <> ''

-- name: create_room
WITH made AS (
    INSERT INTO rooms (id, code, game, settings, host_id, opened_by, max_players, created_at, creation_id)
    VALUES (:room_id, :code, :game, :settings, :host_id, :host_id, :max_players, :at, :creation_id)
    ON CONFLICT ON CONSTRAINT rooms_created_once DO NOTHING
    RETURNING id
), admitted AS (
    INSERT INTO room_players (room_id, user_id, display_name, status, changed_at)
    SELECT id, :host_id, :host_name, 'approved', :at FROM made
), kept AS (
    INSERT INTO checkpoints (room_id, seq, state, at) SELECT id, 0, :checkpoint, :at FROM made
), state AS (
    INSERT INTO game_states (room_id, state, updated_at) SELECT id, :state, :at FROM made
), session AS (
    -- Somebody who opens a room is no passer-by any more.
    UPDATE app_sessions SET life = 604800000, expire = expire - life + 604800000
    FROM made WHERE user_id = :host_id AND life < 604800000 AND expire > :at
)
SELECT id FROM made

-- name: place
WITH free AS (
    SELECT name FROM room_actors
    WHERE rooms < capacity AND name IS DISTINCT FROM :avoid AND alive_at > now() - interval '6 seconds'
      AND suspect_at IS NULL
    ORDER BY rooms DESC, started_at LIMIT 1
), counted AS (
    UPDATE room_actors a SET rooms = a.rooms + 1 FROM free WHERE a.name = free.name AND a.rooms < a.capacity
    RETURNING a.name, a.address
), raised AS (
    UPDATE game_states
    SET epoch = greatest(epoch, extract(epoch FROM clock_timestamp())::bigint << 21) + 1 + (random() * 2000000)::bigint
    FROM counted WHERE room_id = :room_id AND epoch = :epoch
    RETURNING room_id, epoch
), given AS (
    UPDATE rooms SET epoch = raised.epoch, actor = counted.name FROM raised, counted WHERE rooms.id = raised.room_id
    RETURNING rooms.epoch
)
SELECT given.epoch, counted.name, counted.address FROM given, counted

-- name: locate
SELECT g.epoch, a.name, a.address
FROM game_states g JOIN rooms r ON r.id = g.room_id LEFT JOIN room_actors a ON a.name = r.actor
WHERE g.room_id = :room_id

-- name: raise_epochs
WITH raised AS (
    UPDATE game_states g
    SET epoch = greatest(g.epoch, extract(epoch FROM clock_timestamp())::bigint << 21) + 1
                + (random() * 2000000)::bigint
    FROM unnest(:rooms::text[], :epochs::bigint[]) AS mine (room_id, epoch)
    WHERE g.room_id = mine.room_id AND g.epoch = mine.epoch
    RETURNING g.room_id, g.epoch, g.seq
), told AS (
    UPDATE rooms SET epoch = raised.epoch FROM raised WHERE id = raised.room_id
)
SELECT room_id, epoch, seq FROM raised

-- name: release_room
WITH held AS (
    SELECT room_id FROM game_states WHERE room_id = :room_id AND epoch = :epoch FOR UPDATE
)
UPDATE rooms SET actor = NULL FROM held WHERE id = held.room_id AND actor = :actor

-- name: overdue
SELECT r.id FROM rooms r LEFT JOIN room_actors a ON a.name = r.actor
WHERE r.alarm_at < :before AND r.status <> 'closed' AND (a.name IS NULL OR a.alive_at < now() - interval '6 seconds')
ORDER BY r.alarm_at LIMIT :most

-- name: log_after
SELECT seq, epoch, at, events, patch, outside, private FROM actions
WHERE room_id = :room_id AND seq > :after ORDER BY seq LIMIT :most

-- name: gap
SELECT asked.number, g.seq AS stands, before.epoch AS held,
       m.role IS NOT NULL AND m.role <> 'approved' AS inside,
       m.role IS NOT NULL AND (m.role <> 'approved' OR m.is_host) AS has_part, m.seat_index, m.seat_token,
       a.seq, a.epoch, a.at, a.events, a.patch, a.outside, a.private
FROM unnest(:rooms::text[], :users::text[], :afters::bigint[]) WITH ORDINALITY
    AS asked (room_id, user_id, after, number)
JOIN game_states g ON g.room_id = asked.room_id
JOIN rooms r ON r.id = asked.room_id AND (
    r.visibility = 'public' OR r.host_id = asked.user_id
    OR EXISTS (SELECT 1 FROM room_players p WHERE p.room_id = r.id AND p.user_id = asked.user_id))
LEFT JOIN actions before ON before.room_id = g.room_id AND before.seq = asked.after
LEFT JOIN admitted m ON m.room_id = g.room_id AND m.user_id = asked.user_id
LEFT JOIN LATERAL (
    SELECT * FROM actions
    WHERE room_id = g.room_id AND seq > asked.after AND seq <= g.seq AND g.seq - asked.after <= :most
    ORDER BY seq LIMIT :most
) a ON true
ORDER BY asked.number, a.seq

-- name: rounds
-- The part of `commit` that writes rounds, without the check of the fence.
INSERT INTO hands (room_id, game, number, started_at, ended_at, board, pots, winners, commitment, record)
SELECT x.room_id, x.game, x.number, x.started_at, x.ended_at, x.record -> 'board', x.record -> 'pots',
       x.record -> 'winners', x.record ->> 'commitment', x.record
FROM json_to_recordset(:hands::json)
    AS x (room_id text, game integer, number integer, started_at bigint, ended_at bigint, record json)
ON CONFLICT (room_id, game, number) DO UPDATE
SET started_at = coalesce(hands.started_at, excluded.started_at), ended_at = excluded.ended_at,
    board = excluded.board, pots = excluded.pots, winners = excluded.winners, commitment = excluded.commitment,
    record = excluded.record
