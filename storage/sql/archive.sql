-- Rows on their way into the archive, as JSON, in pages; and back, into tables beside ours. A file is decided on first
-- (`archives`), and its rows change no more.

-- name: archives_open
-- Files that were begun, those first that were first.
SELECT name, kind, day FROM archives WHERE finished_at IS NULL ORDER BY decided_at, name

-- name: decide_archive
-- The next file of kind :kind for day :day, by a name that no other has.
INSERT INTO archives (name, kind, day, decided_at)
SELECT :kind || '-' || :day || coalesce('-' || nullif(count(*), 0) + 1, ''), :kind, :day, :at
FROM archives WHERE kind = :kind AND day = :day
RETURNING name, kind, day

-- name: decide_rooms
-- A file for up to :most rooms that are being removed, and not because their hosts asked for it. No row: there are
-- none.
WITH due AS (
    SELECT room_hash FROM removals WHERE finished_at IS NULL AND why <> 'asked' AND archive IS NULL
    ORDER BY asked_at LIMIT :most
), named AS (
    INSERT INTO archives (name, kind, day, decided_at)
    SELECT 'rooms-' || :day || '-' || (SELECT 1 + count(*) FROM archives WHERE kind = 'rooms' AND day = :day), 'rooms',
           :day, :at
    WHERE EXISTS (SELECT FROM due)
    RETURNING name, kind, day
), taken AS (
    UPDATE removals d SET archive = named.name FROM due, named WHERE d.room_hash = due.room_hash
)
SELECT name, kind, day FROM named

-- name: archive_finished
UPDATE archives SET finished_at = :at WHERE name = :name AND finished_at IS NULL

-- name: rooms_in_archive
-- Which rooms the file is for.
SELECT room_id FROM removals WHERE archive = :name AND room_id IS NOT NULL ORDER BY room_id

-- name: archive_room_hands
SELECT row_to_json(h)::text AS row, h.game, h.number FROM hands h
WHERE room_id = :room_id AND (game, number) > (:game, :number) ORDER BY game, number LIMIT :most

-- name: archive_room_checkpoints
SELECT row_to_json(c)::text AS row, c.seq FROM (SELECT room_id, seq, state, at FROM kept_states) c
WHERE room_id = :room_id AND seq > :seq ORDER BY seq LIMIT :most

-- name: archive_room_log
SELECT room_id, page, seq, epoch, at, versions, user_id, command_id, entropy, body FROM history
WHERE room_id = :room_id AND page >= :page AND (page, seq) > (:page, :seq) ORDER BY page, seq LIMIT :most

-- name: first_hand_ended
-- When the first hand ended of those that ended before :before, in rooms that are not being removed.
SELECT min(ended_at) AS at FROM hands h
WHERE ended_at < :before AND EXISTS (SELECT FROM game_states g WHERE g.room_id = h.room_id)

-- name: archive_hands
-- Hands that ended from :since to before :before, in rooms that are not being removed, after (:ended_at, :room_id,
-- :game, :number).
SELECT row_to_json(h)::text AS row, ended_at, room_id, game, number FROM hands h
WHERE ended_at >= :since AND ended_at < :before
  AND (ended_at, room_id, game, number) > (:ended_at, :room_id, :game, :number)
  AND EXISTS (SELECT FROM game_states g WHERE g.room_id = h.room_id)
ORDER BY ended_at, room_id, game, number LIMIT :most

-- name: remove_hands
-- Those of these rows (JSON) that are still there.
WITH gone AS (
    DELETE FROM hands h USING json_to_recordset(:rows::json) AS x (room_id text, game integer, number integer)
    WHERE h.room_id = x.room_id AND h.game = x.game AND h.number = x.number
    RETURNING 1
)
SELECT count(*) AS gone FROM gone

-- name: archived_day
-- A row: the day's log is in the archive.
SELECT 1 FROM archives WHERE kind = 'log' AND day = :day AND finished_at IS NOT NULL

-- name: archive_log
-- The log from :since to before :before, but of rooms whose removal a file was decided for, after (:room_id, :page,
-- :seq).
SELECT room_id, page, seq, epoch, at, versions, user_id, command_id, entropy, body FROM history a
WHERE at >= :since AND at < :before AND (room_id, page, seq) > (:room_id, :page, :seq)
  AND NOT EXISTS (SELECT FROM removals d WHERE d.room_id = a.room_id AND d.archive IS NOT NULL)
ORDER BY room_id, page, seq LIMIT :most

-- name: archive_checkpoints
-- The checkpoints from before :before, but for the last of each room, and such as above; after (:at, :room_id, :seq).
SELECT row_to_json(c)::text AS row, at, room_id, seq FROM (SELECT room_id, seq, state, at FROM kept_states) c
WHERE (at, room_id, seq) > (:at, :room_id, :seq) AND at < :before
  AND EXISTS (SELECT FROM checkpoints n WHERE n.room_id = c.room_id AND n.seq > c.seq)
  AND NOT EXISTS (SELECT FROM removals d WHERE d.room_id = c.room_id AND d.archive IS NOT NULL)
ORDER BY at, room_id, seq LIMIT :most

-- name: remove_checkpoints
-- Those of these rows (JSON) that are still there.
WITH gone AS (
    DELETE FROM checkpoints c USING json_to_recordset(:rows::json) AS x (room_id text, seq bigint)
    WHERE c.room_id = x.room_id AND c.seq = x.seq
    RETURNING 1
)
SELECT count(*) AS gone FROM gone

-- name: restored_schema
CREATE SCHEMA IF NOT EXISTS restored

-- name: restored_hands
CREATE TABLE IF NOT EXISTS restored.hands AS SELECT * FROM public.hands WITH NO DATA

-- name: restored_hands_once
CREATE UNIQUE INDEX IF NOT EXISTS hands_once ON restored.hands (room_id, game, number)

-- name: restored_actions
CREATE TABLE IF NOT EXISTS restored.actions AS SELECT * FROM public.actions WITH NO DATA

-- name: restored_actions_once
CREATE UNIQUE INDEX IF NOT EXISTS actions_once ON restored.actions (room_id, seq)

-- name: restored_checkpoints
CREATE TABLE IF NOT EXISTS restored.checkpoints AS SELECT room_id, seq, state, at FROM public.kept_states WITH NO DATA

-- name: restored_checkpoints_once
CREATE UNIQUE INDEX IF NOT EXISTS checkpoints_once ON restored.checkpoints (room_id, seq)

-- name: restore_hands
WITH put AS (
    INSERT INTO restored.hands SELECT * FROM json_populate_recordset(NULL::restored.hands, :rows::json)
    ON CONFLICT DO NOTHING RETURNING 1
)
SELECT count(*) AS put FROM put

-- name: restore_actions
WITH put AS (
    INSERT INTO restored.actions SELECT * FROM json_populate_recordset(NULL::restored.actions, :rows::json)
    ON CONFLICT DO NOTHING RETURNING 1
)
SELECT count(*) AS put FROM put

-- name: restore_checkpoints
WITH put AS (
    INSERT INTO restored.checkpoints SELECT * FROM json_populate_recordset(NULL::restored.checkpoints, :rows::json)
    ON CONFLICT DO NOTHING RETURNING 1
)
SELECT count(*) AS put FROM put
