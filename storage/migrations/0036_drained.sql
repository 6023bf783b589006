-- Nodes that an operator has drained: nothing is started there, and the rooms of their actors go elsewhere. A node
-- that comes back at such an address is drained too, until it is undone.

CREATE TABLE drained_nodes (
    address text PRIMARY KEY,                         -- as in nodes.address and room_actors.node
    at      timestamptz NOT NULL DEFAULT now()
);
