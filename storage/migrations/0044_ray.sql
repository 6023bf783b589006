-- Ray as it says it is: as the node's steward was last told.

ALTER TABLE nodes ADD COLUMN ray text;                -- as JSON (actors/wire/ray_state.py); null: it did not answer
ALTER TABLE nodes ADD COLUMN ray_at timestamptz;      -- when that was
