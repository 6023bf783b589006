-- Which secret this database is used with: so that no stack with another one takes its rooms.

CREATE TABLE deployment_secrets (
    turn       integer PRIMARY KEY,                  -- 1, 2, 3, …: the last counts, the others are history
    salt       bytea NOT NULL,                       -- random, of this row
    newest     bytea NOT NULL,                       -- fingerprint of the secret in use: HMAC-SHA256 of the salt under a
                                                     -- key derived from it. It helps in guessing no more than any
                                                     -- token does
    other      bytea,                                -- of the one that is accepted as well, since it was in use before
    started_at timestamptz NOT NULL DEFAULT now()
);
