INSERT INTO states (room, seq, state, updated_at) VALUES ($1, 0, $2, 0)
ON CONFLICT (room) DO UPDATE SET seq = 0, state = excluded.state
