-- Users who are forgotten: in every room in which something of them is, a pseudonym takes their place. Driven by the
-- rows of `erasures` and `erasure_rooms`; every step may be done twice.

-- name: ask_erasure
-- User :user_id is to be forgotten: from here on they are :pseudonym. Asked again it is the same erasure.
INSERT INTO erasures (user_id, pseudonym, salt, asked_at) VALUES (:user_id, :pseudonym, :salt, :at)
ON CONFLICT (user_id) DO UPDATE SET asked_at = erasures.asked_at
RETURNING pseudonym, asked_at

-- name: erasures_due
-- Without those in :but.
SELECT user_id, pseudonym, salt, asked_at, found_at FROM erasures WHERE user_id <> ALL (:but::text[])
ORDER BY asked_at, user_id LIMIT :most

-- name: find_erasure_rooms
-- All rooms in which something of these :users is: reads all of the log, which has no index by user, once.
WITH theirs AS (
    SELECT user_id, room_id FROM room_players WHERE user_id = ANY (:users::text[])
    UNION SELECT user_id, room_id FROM room_seats WHERE user_id = ANY (:users)
    UNION SELECT user_id, room_id FROM room_spectators WHERE user_id = ANY (:users)
    UNION SELECT user_id, room_id FROM rejoin_tokens WHERE user_id = ANY (:users)
    UNION SELECT host_id, id FROM rooms WHERE host_id = ANY (:users)
    UNION SELECT opened_by, id FROM rooms WHERE opened_by = ANY (:users)
    UNION SELECT named.user_id, r.id FROM unnest(:users) AS named (user_id)
          JOIN rooms r ON r.reserved_for @> ARRAY[named.user_id]
    UNION SELECT user_id, room_id FROM log WHERE user_id = ANY (:users)
    UNION SELECT user_id, room_id FROM actions_before WHERE user_id = ANY (:users)
), listed AS (
    INSERT INTO erasure_rooms (user_id, room) SELECT user_id, room_id FROM theirs ON CONFLICT DO NOTHING
)
UPDATE erasures SET found_at = :at WHERE user_id = ANY (:users)

-- name: erasure_rooms
-- Rooms behind room :after in which something of user :user_id may still be.
SELECT room, names, seq FROM erasure_rooms WHERE user_id = :user_id AND room > :after ORDER BY room LIMIT :most

-- name: erasure_people
-- The names in room :room_id, by user.
SELECT user_id, display_name FROM room_players WHERE room_id = :room_id
UNION SELECT user_id, display_name FROM room_seats WHERE room_id = :room_id
UNION SELECT user_id, display_name FROM room_spectators WHERE room_id = :room_id

-- name: erasure_names
UPDATE erasure_rooms SET names = :names WHERE user_id = :user_id AND room = :room_id

-- name: erasure_room
-- Room :room_id as it stands. No row: it has no state any more, for it is being removed.
-- `intact` is as in `load_room`.
SELECT g.epoch, g.seq, g.state, r.settings::text AS settings, r.deferred::text AS deferred,
       g.checksum = state_checksum(g.seq, g.state) OR g.checksum >> 32 IS DISTINCT FROM g.seq AS intact
FROM game_states g JOIN rooms r ON r.id = g.room_id WHERE g.room_id = :room_id

-- name: erase_in_room
-- Room :room_id goes on with :state, :settings and :deferred, and with :pseudonym in the place of user :user_id, whose
-- tokens go; :names are those for each of theirs. It belongs to no actor any more, at a higher epoch (as in `place`),
-- and its last update bears that epoch: so everybody who follows it is given a whole view. No row: it was not as it is
-- said to be, and is left alone.
WITH held AS (
    SELECT room_id FROM game_states
    WHERE room_id = :room_id AND epoch = :epoch AND seq = :seq AND state = :was FOR UPDATE
), written AS (
    UPDATE game_states g
    SET state = :state, checksum = state_checksum(g.seq, :state),
        epoch = greatest(g.epoch, extract(epoch FROM clock_timestamp())::bigint << 21) + 1
                + (random() * 2000000)::bigint
    FROM held WHERE g.room_id = held.room_id
    RETURNING g.room_id, g.epoch, g.seq
), told AS (
    UPDATE rooms r
    SET epoch = written.epoch, actor = NULL, settings = :settings::json, deferred = :deferred::json,
        host_id = CASE WHEN r.host_id = :user_id THEN :pseudonym ELSE r.host_id END,
        opened_by = CASE WHEN r.opened_by = :user_id THEN :pseudonym ELSE r.opened_by END,
        reserved_for = array_replace(r.reserved_for, :user_id, :pseudonym)
    FROM written WHERE r.id = written.room_id
), last AS (
    UPDATE log SET epoch = written.epoch FROM written
    WHERE log.room_id = written.room_id AND log.seq >> 6 = written.seq >> 6 AND log.seq = written.seq
), players AS (
    UPDATE room_players p SET user_id = :pseudonym, display_name = :names::json ->> p.display_name
    FROM written WHERE p.room_id = written.room_id AND p.user_id = :user_id
), seats AS (
    UPDATE room_seats s SET user_id = :pseudonym, display_name = :names::json ->> s.display_name, seat_token = ''
    FROM written WHERE s.room_id = written.room_id AND s.user_id = :user_id
), spectators AS (
    UPDATE room_spectators s SET user_id = :pseudonym, display_name = :names::json ->> s.display_name
    FROM written WHERE s.room_id = written.room_id AND s.user_id = :user_id
), rejoin AS (
    DELETE FROM rejoin_tokens t USING written WHERE t.room_id = written.room_id AND t.user_id = :user_id
), connection AS (
    DELETE FROM connection_tokens t USING written WHERE t.room_id = written.room_id AND t.user_id = :user_id
), copies AS (
    -- Copies of what a repair wrote over: emptied whole.
    UPDATE repairs p SET kept = '{}' FROM written WHERE p.room_id = written.room_id
)
SELECT epoch FROM written

-- name: erasure_log
-- The log of room :room_id after :seq, at most :most.
SELECT room_id, seq, epoch, at, user_id, command_id, entropy, body FROM history
WHERE room_id = :room_id AND page >= :seq::bigint >> 6 AND seq > :seq ORDER BY page, seq LIMIT :most

-- name: rewrite_log
-- Rows of the log are by these users, with these bodies.
WITH new AS (
    SELECT * FROM unnest(:rooms::text[], :seqs::bigint[], :ats::bigint[], :users::text[], :bodies::bytea[])
        AS n (room_id, seq, at, user_id, body)
)
UPDATE log SET user_id = new.user_id, body = new.body FROM new
WHERE log.room_id = new.room_id AND log.at = new.at AND log.seq >> 6 = new.seq >> 6 AND log.seq = new.seq

-- name: rewrite_log_before
-- The same of rows from before the log went by days; their texts are JSON arrays.
WITH new AS (
    SELECT room_id, seq, user_id, texts::json AS texts
    FROM unnest(:rooms::text[], :seqs::bigint[], :users::text[], :texts::text[]) AS n (room_id, seq, user_id, texts)
)
UPDATE actions_before a
SET user_id = new.user_id, user_name = texts ->> 0, command = (texts -> 3)::text, answer = (texts -> 4)::text,
    events = (texts -> 5)::text, patch = coalesce(texts ->> 6, ''), outside = coalesce(texts ->> 7, ''),
    private = coalesce(texts ->> 8, '')
FROM new WHERE a.room_id = new.room_id AND a.seq = new.seq

-- name: erase_commands
-- Nobody sends these again.
DELETE FROM commands WHERE key = ANY (:keys::uuid[])

-- name: erasure_reached
UPDATE erasure_rooms SET seq = :seq WHERE user_id = :user_id AND room = :room_id

-- name: erasure_checkpoints
SELECT seq, state FROM kept_states WHERE room_id = :room_id AND seq > :seq ORDER BY seq LIMIT :most

-- name: erase_in_checkpoint
UPDATE checkpoints SET state = CASE WHEN :body::bytea IS NULL THEN :state ELSE '' END, body = :body
WHERE room_id = :room_id AND seq = :seq

-- name: room_erased
DELETE FROM erasure_rooms WHERE user_id = :user_id AND room = :room_id

-- name: user_erased
-- All that is left of user :user_id outside rooms goes, and that they were forgotten. That they signed out is known
-- for as long as a token of theirs may be good.
WITH sessions AS (
    DELETE FROM app_sessions WHERE user_id = :user_id
), tokens AS (
    DELETE FROM rejoin_tokens WHERE user_id = :user_id
), connection AS (
    DELETE FROM connection_tokens WHERE user_id = :user_id
), matched AS (
    DELETE FROM matches WHERE user_id = :user_id
)
DELETE FROM erasures WHERE user_id = :user_id

-- name: being_erased
SELECT 1 FROM erasures WHERE user_id = :user_id

-- name: chat_cleared
-- Before when (ms) nothing that was said is in the log any more; at first, when that begins.
SELECT coalesce(
    (SELECT before FROM chat_cleared),
    (SELECT min(at) FROM (SELECT min(at) AS at FROM log UNION ALL SELECT min(at) FROM actions_before) first)) AS before

-- name: chat_cleared_before
WITH gone AS (
    DELETE FROM chat_cleared
)
INSERT INTO chat_cleared (before) VALUES (:before)
