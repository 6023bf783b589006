-- Tokens of other servers, which open and close rooms, read them, and act for users whom they vouch for.

CREATE TABLE service_tokens (
    hash       bytea PRIMARY KEY,                    -- SHA-256 of the token
    name       text NOT NULL CONSTRAINT service_tokens_name_unique UNIQUE,
    scopes     text[] NOT NULL,                      -- tavola.edge.identity.services.SCOPES
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,                          -- null: never
    used_at    timestamptz                           -- to the minute
);
