-- Operators, what they did, and the orders that stand.

CREATE TABLE operators (
    name       text PRIMARY KEY,
    role       text NOT NULL CONSTRAINT operators_role CHECK (role IN ('look', 'act', 'all')),
    hash       bytea CONSTRAINT operators_hash_unique UNIQUE,    -- SHA-256 of the secret; null: known by user_id
    user_id    text CONSTRAINT operators_user_unique UNIQUE,     -- a user of the trusted issuer
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz,                                      -- to the minute
    CONSTRAINT operators_known CHECK ((hash IS NULL) <> (user_id IS NULL))
);

-- Each act twice: `of` null when it was asked for, before anything is done, and its outcome, `of` that number.
CREATE TABLE operator_acts (
    number   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    of       bigint REFERENCES operator_acts,
    at       bigint NOT NULL,
    operator text NOT NULL,
    act      text NOT NULL,
    told     json NOT NULL,                                      -- what was asked
    outcome  text                                                -- 'done', or a refusal's code
);
CREATE INDEX operator_acts_of ON operator_acts (of) WHERE of IS NOT NULL;

CREATE FUNCTION operator_acts_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE 'the list of what operators did is only added to';
END $$;

CREATE TRIGGER operator_acts_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON operator_acts
FOR EACH STATEMENT EXECUTE FUNCTION operator_acts_stay();

-- Orders that every edge keeps to until they end or are lifted: somebody is kept out (ban_user, ban_address) or not
-- heard (mute), an edge ends (drain_edge), something is announced everywhere (announce).
CREATE TABLE standing_orders (
    kind     text NOT NULL,
    subject  text NOT NULL,
    until    bigint,                                             -- ms; null: for good
    reason   text NOT NULL DEFAULT '',
    operator text NOT NULL,
    at       bigint NOT NULL,
    number   bigint GENERATED ALWAYS AS IDENTITY,                -- a new one for each change
    PRIMARY KEY (kind, subject)
);

-- An actor that is given no rooms any more, and whose rooms go elsewhere.
ALTER TABLE room_actors ADD COLUMN draining boolean NOT NULL DEFAULT false;
