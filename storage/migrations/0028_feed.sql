-- The feed reads the log of all rooms from where a reader stands: the transactions of which it has seen the work.
-- Nothing is written for it. docs/explanation/feed.md says why nothing is passed over.

CREATE FUNCTION feed_xid(row_xid xid, next bigint) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS $$
-- The transaction that wrote a row, by its number that is never given twice; `next` is one that is yet to come.
SELECT next - ((next - row_xid::text::bigint) & 4294967295)
$$;

CREATE FUNCTION feed_saw(xid bigint, at bigint, ceiling bigint, open bigint[], since bigint) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
-- Whether a reader has seen the work of transaction `xid`: it came before `ceiling`, and was not open then. Or it is
-- from before `since` (ms).
SELECT at < since OR (xid < ceiling AND xid <> ALL (open))
$$;

CREATE FUNCTION feed_next() RETURNS bigint LANGUAGE sql STABLE AS $$
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint
$$;

CREATE FUNCTION feed_last(room text, stands bigint, ceiling bigint, open bigint[], since bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
-- The last update of a room, up to the seq `stands`, that such a reader has seen; 0: none.
DECLARE
    next bigint := feed_next();
    many bigint;
    last bigint;
BEGIN
    IF ceiling = 0 AND since = 0 THEN
        RETURN 0;
    END IF;
    FOR place IN REVERSE stands >> 6 .. 0 LOOP
        SELECT count(*), max(seq) FILTER (WHERE feed_saw(feed_xid(l.xmin, next), l.at, ceiling, open, since))
        INTO many, last FROM log l WHERE l.room_id = room AND l.seq >> 6 = place AND l.seq <= stands;
        EXIT WHEN last IS NOT NULL OR many = 0;
    END LOOP;
    RETURN coalesce(last, 0);
END $$;

CREATE FUNCTION feed_rows(from_room text, from_seq bigint, only_game text, ceiling bigint, open bigint[], since bigint,
                          end_ceiling bigint, end_open bigint[], most integer, most_rooms integer)
RETURNS TABLE (room_id text, game text, seq bigint, epoch bigint, at bigint, user_id text, command_id text, body bytea)
LANGUAGE plpgsql STABLE AS $$
-- The updates that a reader has not seen, and one at the window's end has, by room and seq, after `from_seq` of
-- `from_room`: at most so many, of at most so many rooms. A row without seq: up to that room it was looked.
DECLARE
    next   bigint := feed_next();
    given  integer := 0;
    looked integer := 0;
    got    integer;
    here   record;
    after  bigint;
    upto   bigint;
BEGIN
    FOR here IN
        SELECT g.room_id, g.seq, feed_xid(g.xmin, next) AS xid, r.game
        FROM game_states g JOIN rooms r ON r.id = g.room_id
        WHERE g.room_id >= from_room AND g.seq > 0 AND (only_game IS NULL OR r.game = only_game)
          AND NOT feed_saw(feed_xid(g.xmin, next), g.updated_at, ceiling, open, since)
        ORDER BY g.room_id
    LOOP
        after := CASE WHEN here.room_id = from_room THEN from_seq
                      ELSE feed_last(here.room_id, here.seq, ceiling, open, since) END;
        upto := CASE WHEN feed_saw(here.xid, 0, end_ceiling, end_open, 0) THEN here.seq
                     ELSE feed_last(here.room_id, here.seq, end_ceiling, end_open, 0) END;
        RETURN QUERY
            SELECT l.room_id, here.game::text, l.seq, l.epoch, l.at, l.user_id, l.command_id, l.body FROM log l
            WHERE l.room_id = here.room_id AND l.seq >> 6 BETWEEN after >> 6 AND upto >> 6
              AND l.seq > after AND l.seq <= upto
            ORDER BY l.seq >> 6, l.seq LIMIT most - given;
        GET DIAGNOSTICS got = ROW_COUNT;
        given := given + got;
        looked := looked + 1;
        EXIT WHEN given >= most;
        IF looked >= most_rooms THEN
            room_id := here.room_id;
            seq := NULL;
            RETURN NEXT;
            EXIT;
        END IF;
    END LOOP;
END $$;
