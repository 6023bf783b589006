-- Nodes that an operator has drained: nothing is started there, and the rooms of their actors go elsewhere. Whoever is
-- there again at that address is drained too, until it is undone.

CREATE TABLE drained_nodes (
    address text PRIMARY KEY,                         -- as in nodes.address and room_actors.node
    at      timestamptz NOT NULL DEFAULT now()
);
