-- All actions that wait, of as many rooms: states and log in one statement. No room is in it twice, and one that
-- somebody else has written to meanwhile is left out.
WITH asked AS (
    SELECT * FROM unnest(
        $1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[]
    ) AS asked (room, seq, state, at, user_id, action_id, action, events)
), held AS (
    UPDATE states SET seq = asked.seq, state = asked.state, updated_at = asked.at
    FROM asked WHERE states.room = asked.room AND states.seq = asked.seq - 1
    RETURNING asked.*
)
INSERT INTO actions (room, seq, user_id, action_id, action, events, at)
SELECT room, seq, user_id, action_id, action, events, at FROM held
