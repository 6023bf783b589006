-- The part that users have in a room, as its last commit left it.

-- name: audience_of
-- Whether user :user_id is inside room :room_id (seated, watching, or its host), as the last commit left it. Those who
-- have left, or were put out, may still hold a seat until the hand ends.
SELECT EXISTS (SELECT 1 FROM room_seats JOIN room_players USING (room_id, user_id)
               WHERE room_id = :room_id AND user_id = :user_id AND room_players.status = 'approved')
    OR EXISTS (SELECT 1 FROM room_spectators WHERE room_id = :room_id AND user_id = :user_id)
    OR EXISTS (SELECT 1 FROM rooms WHERE id = :room_id AND host_id = :user_id) AS inside,
       (SELECT seq FROM game_states WHERE room_id = :room_id) AS seq

-- name: membership
-- The part of user :user_id in room :room_id.
SELECT r.host_id, p.display_name, p.status, s.seat_index, w.user_id IS NOT NULL AS watching,
       (r.settings -> 'reserved' ->> :user_id)::integer AS reserved_seat
FROM rooms r
LEFT JOIN room_players p ON p.room_id = r.id AND p.user_id = :user_id
LEFT JOIN room_seats s ON s.room_id = r.id AND s.user_id = :user_id
LEFT JOIN room_spectators w ON w.room_id = r.id AND w.user_id = :user_id
WHERE r.id = :room_id

-- name: hidden
-- A row if room :room_id is private and user :user_id never had a part in it, nor a seat that is reserved.
SELECT id FROM rooms r
WHERE r.id = :room_id AND r.visibility = 'private' AND r.host_id <> :user_id
  AND r.settings -> 'reserved' ->> :user_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM room_players p WHERE p.room_id = r.id AND p.user_id = :user_id)

-- name: spectators
SELECT s.user_id, s.display_name, CASE WHEN p.leaves_at IS NULL THEN 'active' ELSE 'away' END AS status
FROM room_spectators s JOIN room_players p USING (room_id, user_id)
WHERE s.room_id = :room_id ORDER BY s.joined_at, s.user_id

-- name: members
-- Everybody whom room :room_id knows, and what their part in it is.
SELECT p.user_id, p.display_name, p.status AS standing, p.changed_at AS since, p.banned, s.seat_index,
       w.user_id IS NOT NULL AS watching,
       CASE WHEN p.status <> 'approved' THEN NULL WHEN s.user_id IS NOT NULL THEN s.status
            WHEN p.leaves_at IS NULL THEN 'active' ELSE 'away' END AS status
FROM room_players p
LEFT JOIN room_seats s ON s.room_id = p.room_id AND s.user_id = p.user_id
LEFT JOIN room_spectators w ON w.room_id = p.room_id AND w.user_id = p.user_id
WHERE p.room_id = :room_id ORDER BY p.changed_at, p.user_id

-- name: rooms_of
-- The rooms, not closed, in which user :user_id sits, watches, is admitted, waits to be, is the host, or has a seat
-- reserved: at most :most, those with a seat first, then the newest. `to_act`: a turn there is theirs.
SELECT r.id, r.code, r.game, r.settings, r.status, r.host_id, r.players, r.max_players, r.spectators, r.created_at,
       r.present, coalesce(r.active_at, r.created_at) AS active_at, r.reserved, mine.reserved_seat,
       CASE WHEN p.status IN ('approved', 'pending') THEN p.status WHEN r.host_id = :user_id THEN 'approved'
            ELSE 'invited' END AS standing, s.seat_index, w.user_id IS NOT NULL AS watching,
       s.seat_index = (g.state::json -> 'turn' ->> 1)::integer OR EXISTS (
           SELECT FROM json_array_elements(g.state::json -> 'beside') AS turn
           WHERE (turn ->> 1)::integer = s.seat_index
       ) AS to_act
FROM (
    SELECT room_id, max(reserved_seat) AS reserved_seat FROM (
        SELECT room_id, NULL::integer AS reserved_seat FROM room_players
        WHERE user_id = :user_id AND status IN ('approved', 'pending')
        UNION ALL
        SELECT id, NULL FROM rooms WHERE host_id = :user_id AND status <> 'closed'
        UNION ALL
        SELECT id, (settings -> 'reserved' ->> :user_id)::integer FROM rooms
        WHERE reserved_for @> ARRAY[:user_id::text] AND status <> 'closed'
              AND settings -> 'reserved' ->> :user_id IS NOT NULL
    ) parts GROUP BY room_id
) mine
JOIN rooms r ON r.id = mine.room_id AND r.status <> 'closed'
JOIN game_states g ON g.room_id = r.id
LEFT JOIN room_players p ON p.room_id = r.id AND p.user_id = :user_id
LEFT JOIN room_seats s ON s.room_id = r.id AND s.user_id = :user_id
LEFT JOIN room_spectators w ON w.room_id = r.id AND w.user_id = :user_id
ORDER BY s.seat_index IS NULL, r.created_at DESC, r.id LIMIT :most

-- name: participants
-- Those who have a part in room :room_id: who sit, watch, or are its host. Those with a seat first, in their order.
SELECT p.user_id, p.display_name, s.seat_index, w.user_id IS NOT NULL AS watching, r.host_id = p.user_id AS is_host
FROM rooms r
JOIN room_players p ON p.room_id = r.id AND p.status = 'approved'
LEFT JOIN room_seats s ON s.room_id = r.id AND s.user_id = p.user_id
LEFT JOIN room_spectators w ON w.room_id = r.id AND w.user_id = p.user_id
WHERE r.id = :room_id AND (s.user_id IS NOT NULL OR w.user_id IS NOT NULL OR r.host_id = p.user_id)
ORDER BY s.seat_index, w.user_id IS NULL, p.user_id

-- name: sessions
-- The rooms :rooms, as those see them who have nothing to do with them but count who is there.
SELECT r.id, r.status, r.created_at, coalesce(r.active_at, r.created_at) AS active_at,
       array(SELECT s.user_id FROM room_seats s WHERE s.room_id = r.id ORDER BY s.seat_index) AS players,
       array(SELECT w.user_id FROM room_spectators w WHERE w.room_id = r.id ORDER BY w.user_id) AS spectators
FROM rooms r
WHERE r.id = ANY(:rooms::text[])

-- name: rounds_of
-- The rounds that ended before :before in rooms to which user :user_id is admitted, and since they are: at most :most,
-- the newest first, of the hundred rooms whose standing changed last. `seq`: the last kept state before each began.
SELECT r.id, r.code, coalesce(r.settings ->> 'name', r.code) AS name, r.game AS kind, h.number, h.started_at, h.ended_at,
       h.record::text AS record,
       (SELECT max(c.seq) FROM checkpoints c WHERE c.room_id = r.id AND c.at <= h.started_at) AS seq
FROM (
    SELECT room_id, changed_at FROM room_players WHERE user_id = :user_id AND status = 'approved'
    ORDER BY changed_at DESC LIMIT 100
) p
JOIN rooms r ON r.id = p.room_id
CROSS JOIN LATERAL (
    SELECT number, started_at, ended_at, record FROM hands
    WHERE room_id = r.id AND ended_at < :before AND started_at IS NOT NULL AND started_at >= p.changed_at
    ORDER BY game DESC, number DESC LIMIT :most
) h
ORDER BY h.ended_at DESC LIMIT :most
