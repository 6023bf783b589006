-- Where an edge runs: one whose machine will end takes no player more.

ALTER TABLE edges ADD COLUMN addresses text[];        -- of its machine, one of which is in nodes.address
