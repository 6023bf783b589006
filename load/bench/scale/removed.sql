-- Every room of this database is to be removed, as if it had been closed for long.
WITH ended AS (
    DELETE FROM game_states g USING rooms r WHERE r.id = g.room_id RETURNING g.room_id, g.seq, r.host_id
)
INSERT INTO removals (room_hash, host_hash, room_id, why, version, rows_before, asked_at)
SELECT sha256(convert_to(room_id, 'UTF8')), sha256(convert_to(room_id || ' ' || host_id, 'UTF8')), room_id, 'expired', seq,
       seq, (extract(epoch FROM now()) * 1000)::bigint
FROM ended
