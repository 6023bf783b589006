-- The feed: the log of all rooms from where a reader stands (migration 0028).

-- name: feed_here
-- Which database this is: another one after a failover or a restore, whose transactions have other numbers.
SELECT concat_ws('.', to_hex((pg_control_system()).system_identifier),
                 ltrim(substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), '0'),
                 (SELECT oid FROM pg_database WHERE datname = current_database())) AS here

-- name: feed_window
-- The transactions whose work can be seen now, the time (ms), and the last of them that wrote a room (of :game) in
-- which there is something new to a reader who stands there. Null: there is none.
SELECT pg_current_snapshot()::text AS seen, (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS at,
       (SELECT max(g.xid)
        FROM (SELECT s.room_id, s.updated_at, feed_xid(s.xmin, n.next) AS xid
              FROM (SELECT feed_next() AS next OFFSET 0) n, game_states s OFFSET 0) g  -- reckoned once for each
        WHERE NOT feed_saw(g.xid, g.updated_at, :ceiling, :open::bigint[], :since)
          AND (:game::text IS NULL OR EXISTS (SELECT FROM rooms r WHERE r.id = g.room_id AND r.game = :game))) AS last

-- name: feed_rows
SELECT * FROM feed_rows(:room, :seq, :game, :ceiling, :open::bigint[], :since, :end_ceiling, :end_open::bigint[], :most,
                        :most_rooms)
