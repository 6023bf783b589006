SELECT sum(seq)::bigint FROM game_states
