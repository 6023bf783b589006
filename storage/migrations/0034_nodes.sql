-- Nodes that start room actors, what edges ask of them, and which of their stewards does the rounds.

CREATE TABLE nodes (
    id         text PRIMARY KEY,                      -- drawn by the node's steward when it starts
    address    text NOT NULL,                         -- as in room_actors.node
    pid        integer NOT NULL,                      -- of the steward
    most       integer NOT NULL,                      -- room actors that the node carries
    started_at timestamptz NOT NULL DEFAULT now(),
    beat_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE actor_wishes (
    id          text PRIMARY KEY,
    made_at     timestamptz NOT NULL DEFAULT now(),
    taken_by    text,                                 -- nodes.id
    taken_at    timestamptz,
    answered_at timestamptz,                          -- there is one more actor, or else
    "full"      boolean NOT NULL DEFAULT false,       -- no node carries one more, or
    why         text                                  -- why there is none
);

CREATE TABLE steward_lease (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    holder text NOT NULL,                             -- as nodes.id
    until  timestamptz NOT NULL
);

CREATE VIEW silent_nodes AS
-- The addresses of nodes of which nothing is heard, neither their steward nor an actor, while others are.
SELECT n.address FROM nodes n
GROUP BY n.address
HAVING max(n.beat_at) < now() - interval '3 seconds'
   AND NOT EXISTS (SELECT FROM room_actors a WHERE a.node = n.address AND a.alive_at > now() - interval '3 seconds')
   AND EXISTS (SELECT FROM nodes other WHERE other.beat_at > now() - interval '3 seconds');
