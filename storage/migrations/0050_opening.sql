-- A room is opened by one statement: what is counted and what is written are of one transaction, without a round trip
-- between them.

CREATE FUNCTION open_room(
    new_id text, new_code text, new_game text, new_settings json, new_host text, new_host_name text,
    new_max_players integer, new_at bigint, new_creation text, new_alarm bigint, new_reserved integer[],
    new_reserved_for text[], new_state text, new_checkpoint text, most_hosted integer, most_opened integer
) RETURNS TABLE (outcome text, hosted integer, opened_at bigint) LANGUAGE plpgsql AS $$
BEGIN
    hosted := 0;
    IF most_hosted > 0 OR most_opened > 0 THEN
        -- For the rest of the transaction nobody else opens a room for this user: what is counted stays true.
        PERFORM pg_advisory_xact_lock(hashtextextended('opens ' || new_host, 0));
        IF most_hosted > 0 THEN
            SELECT count(*) INTO hosted
            FROM (SELECT FROM rooms r WHERE r.host_id = new_host AND r.status <> 'closed' LIMIT most_hosted) theirs;
        END IF;
        IF most_opened > 0 THEN
            SELECT r.created_at INTO opened_at
            FROM rooms r WHERE r.opened_by = new_host AND r.created_at > new_at - 60000
            ORDER BY r.created_at DESC OFFSET most_opened - 1 LIMIT 1;
        END IF;
        IF (most_hosted > 0 AND hosted >= most_hosted) OR opened_at IS NOT NULL THEN
            outcome := CASE
                WHEN EXISTS (SELECT FROM rooms r WHERE r.host_id = new_host AND r.creation_id = new_creation) THEN 'before'
                ELSE 'too many'
            END;
            RETURN NEXT;
            RETURN;
        END IF;
    END IF;
    INSERT INTO rooms (id, code, game, settings, host_id, opened_by, max_players, created_at, creation_id, alarm_at,
                       present, reserved, reserved_for)
    VALUES (new_id, new_code, new_game, new_settings, new_host, new_host, new_max_players, new_at, new_creation,
            new_alarm, (new_alarm IS NULL)::integer, new_reserved, new_reserved_for)
    ON CONFLICT ON CONSTRAINT rooms_created_once DO NOTHING;
    IF NOT FOUND THEN
        outcome := 'before';
        RETURN NEXT;
        RETURN;
    END IF;
    INSERT INTO room_players (room_id, user_id, display_name, status, changed_at, leaves_at)
    VALUES (new_id, new_host, new_host_name, 'approved', new_at, new_alarm);
    INSERT INTO checkpoints (room_id, seq, state, at) VALUES (new_id, 0, new_checkpoint, new_at);
    INSERT INTO game_states (room_id, state, updated_at, checksum)
    VALUES (new_id, new_state, new_at, state_checksum(0, new_state));
    -- Somebody who opens a room is no passer-by any more.
    UPDATE app_sessions SET life = 604800000, expire = expire - life + 604800000
    WHERE user_id = new_host AND life < 604800000 AND expire > new_at;
    outcome := 'made';
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION open_room IS
    'Query create_room. A limit of 0 is none. outcome: made; before: by this creation; too many: hosted or opened_at say';
