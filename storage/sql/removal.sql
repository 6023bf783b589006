-- Rooms that are removed: begun in one statement, done in batches by the steward. From the first on the room has no
-- state, so nobody can load it, or commit to it; what is left are rows that nobody asks for.

-- name: ask_removal
-- Closed room :room_id is to be removed, as its host asks. No row: it is not closed, or is being removed already.
WITH ended AS (
    DELETE FROM game_states g USING rooms r
    WHERE g.room_id = :room_id AND r.id = g.room_id AND r.status = 'closed'
    RETURNING g.room_id, g.seq, r.host_id
)
INSERT INTO removals (room_hash, host_hash, room_id, why, version, rows_before, asked_at)
SELECT sha256(convert_to(room_id, 'UTF8')), sha256(convert_to(room_id || ' ' || host_id, 'UTF8')), room_id, 'asked',
       seq, 1 + seq - coalesce((SELECT a.seq FROM history a WHERE a.room_id = ended.room_id ORDER BY a.page, a.seq LIMIT 1), seq + 1), :at
FROM ended
RETURNING version

-- name: expire_rooms
-- Up to :most rooms that were closed before :before are to be removed, those first that were closed first; :why says
-- for what. Those that a commit is at are left for later.
WITH due AS (
    SELECT r.id, r.host_id FROM rooms r JOIN game_states g ON g.room_id = r.id
    WHERE r.closed_at < :before AND r.status = 'closed'
    ORDER BY r.closed_at LIMIT :most FOR UPDATE OF g SKIP LOCKED
), ended AS (
    DELETE FROM game_states g USING due WHERE g.room_id = due.id RETURNING g.room_id, g.seq, due.host_id
)
INSERT INTO removals (room_hash, host_hash, room_id, why, version, rows_before, asked_at)
SELECT sha256(convert_to(room_id, 'UTF8')), sha256(convert_to(room_id || ' ' || host_id, 'UTF8')), room_id, :why, seq,
       1 + seq - coalesce((SELECT a.seq FROM history a WHERE a.room_id = ended.room_id ORDER BY a.page, a.seq LIMIT 1), seq + 1), :at
FROM ended
RETURNING room_id

-- name: removals_due
-- Rooms that are being removed, those first that a host waits for: without :archived only those, and what was archived.
SELECT d.room_id FROM removals d LEFT JOIN archives a ON a.name = d.archive
WHERE d.finished_at IS NULL AND (d.why = 'asked' OR NOT :archived::boolean OR a.finished_at IS NOT NULL)
ORDER BY d.why <> 'asked', d.asked_at LIMIT :most

-- name: remove_log
-- The next :most updates of room :room_id after seq :after go: how many there were, and the last of them.
WITH upto AS (
    SELECT max(seq) AS last FROM (
        SELECT seq FROM history WHERE room_id = :room_id AND page >= :after::bigint >> 6 AND seq > :after
        ORDER BY page, seq LIMIT :most
    ) next
), gone AS (
    DELETE FROM log USING upto
    WHERE room_id = :room_id AND seq >> 6 BETWEEN :after >> 6 AND upto.last >> 6 AND seq > :after AND seq <= upto.last
    RETURNING seq
), older AS (
    DELETE FROM actions_before USING upto WHERE room_id = :room_id AND seq > :after AND seq <= upto.last RETURNING seq
), counted AS (
    UPDATE removals SET rows_gone = rows_gone + (SELECT count(*) FROM gone) + (SELECT count(*) FROM older)
    WHERE room_hash = sha256(convert_to(:room_id, 'UTF8'))
)
SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM older) AS gone, coalesce(last, :after) AS last FROM upto

-- name: remove_commands
-- The next :most keys of room :room_id's commands after :after: how many there were, and the last of them. They lie
-- together, for they begin with the room's id.
WITH mine AS (
    SELECT key FROM commands
    WHERE key > :after AND key BETWEEN
              (left(replace(command_key(:room_id, '', '')::text, '-', ''), 16) || repeat('0', 16))::uuid
          AND (left(replace(command_key(:room_id, '', '')::text, '-', ''), 16) || repeat('f', 16))::uuid
    ORDER BY key LIMIT :most
), gone AS (
    DELETE FROM commands USING mine WHERE commands.key = mine.key RETURNING commands.key
)
SELECT count(*) OVER () AS gone, key AS last FROM gone ORDER BY key DESC LIMIT 1

-- name: remove_some
-- As many as :most rows of room :room_id, in whatever table they are.
SELECT remove_some_of(:room_id, :most) AS gone

-- name: finish_removal
-- The room's own row goes, and with it its name.
WITH gone AS (
    DELETE FROM rooms WHERE id = :room_id
)
UPDATE removals SET room_id = NULL, finished_at = :at
WHERE room_hash = sha256(convert_to(:room_id, 'UTF8')) AND finished_at IS NULL
RETURNING rows_gone, why, asked_at

-- name: removal
-- All that is known of the removal of room :room_id, and whether user :user_id was its host.
SELECT host_hash = sha256(convert_to(:room_id || ' ' || :user_id, 'UTF8')) AS hosted, why, version, rows_before,
       rows_gone, asked_at, finished_at
FROM removals WHERE room_hash = sha256(convert_to(:room_id, 'UTF8'))

-- name: removed
-- A row: there was such a room, and it was removed, or is being removed.
SELECT 1 FROM removals WHERE room_hash = sha256(convert_to(:room_id, 'UTF8'))

-- name: clear_removals
DELETE FROM removals WHERE room_hash IN (
    SELECT room_hash FROM removals WHERE finished_at < :before LIMIT :most FOR UPDATE SKIP LOCKED
)
