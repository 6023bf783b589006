-- Roll-outs: which code runs where, and which is to run. A mark of code is of `tavola/config/code_mark.py`.

ALTER TABLE room_actors ADD COLUMN code text;         -- of its process; null: of a release that says none
ALTER TABLE nodes ADD COLUMN code text;               -- of the steward's process
ALTER TABLE nodes ADD COLUMN disk text;               -- that a process would have that started there now

CREATE TABLE edges (
    id      text PRIMARY KEY,                         -- drawn by the edge when it starts
    code    text NOT NULL,                            -- as in nodes
    disk    text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE rollout (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    target   text NOT NULL,                           -- the code that is to run
    before   text,                                    -- most actors' when it began
    a_second real NOT NULL CHECK (a_second > 0),      -- rooms that are moved
    edges    integer NOT NULL,                        -- so many there were: the next is told to end when there are again
    paused   boolean NOT NULL DEFAULT false,
    refused  integer NOT NULL DEFAULT 0,              -- rooms that the target's code cannot read
    began_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz                              -- nothing else runs any more
);

CREATE VIEW roomy_actors AS
-- The actors that can be given a room. While code is rolled out those of other code are not among them, as soon as
-- there is one of that.
SELECT a.* FROM room_actors a
WHERE a.rooms < a.capacity AND a.alive_at > now() - interval '6 seconds' AND a.suspect_at IS NULL AND NOT a.draining
  AND a.node NOT IN (SELECT address FROM silent_nodes)
  AND a.code IS NOT DISTINCT FROM coalesce((
      SELECT o.target FROM rollout o WHERE o.ended_at IS NULL
      AND EXISTS (SELECT FROM room_actors n WHERE n.code = o.target AND n.alive_at > now() - interval '6 seconds')
  ), a.code);
