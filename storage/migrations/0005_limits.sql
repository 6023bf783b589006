-- Limits: the things that nobody may have too much of.

ALTER TABLE rooms ADD COLUMN opened_by text;         -- who created it; its host may be another by now
CREATE INDEX rooms_opened ON rooms (opened_by, created_at);
CREATE INDEX rooms_hosted ON rooms (host_id) WHERE status <> 'closed';

-- How long each use puts the session's end off, in ms: an hour for a guest who has done nothing yet, later a week.
ALTER TABLE app_sessions ADD COLUMN life bigint NOT NULL DEFAULT 604800000;
