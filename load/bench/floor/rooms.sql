-- Rooms $1, each with its state $2: what our commit writes to.
WITH made AS (
    INSERT INTO rooms (id, code, name, game, options, host_id, max_players, created_at)
    SELECT id, id, 'Load', 'tictactoe', '{}', 'u_0000000000000000', 2, 0 FROM unnest($1::text[]) AS asked (id)
    RETURNING id
)
INSERT INTO game_states (room_id, epoch, seq, state, updated_at) SELECT id, 1, 0, $2, 0 FROM made
