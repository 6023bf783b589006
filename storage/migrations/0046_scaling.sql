-- Nodes that come and go with the rooms.

ALTER TABLE nodes ADD COLUMN may_end boolean NOT NULL DEFAULT false;    -- Ray may end it when nothing is there
ALTER TABLE drained_nodes ADD COLUMN why text NOT NULL DEFAULT 'asked'
    CHECK (why IN ('asked', 'unneeded', 'ending'));   -- by somebody; for the others have room; for Ray will end it
