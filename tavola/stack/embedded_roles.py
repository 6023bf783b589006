"""The roles of the embedded Postgres: a superuser for us alone, and an ordinary one that owns the database of rooms.

Told anew at each start, so also to a data folder of a version that had only the superuser.
"""

from urllib.parse import urlsplit, urlunsplit

import asyncpg

SUPERUSER = "tavola"
ROLE = "tavola_app"
DATABASE = "tavola"
_ORDINARY = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
_SILENT = {"log_min_error_statement": "panic"}
"""A statement with a password is not logged, whatever becomes of it."""
_OTHERS = """
SELECT 'TABLE ' || c.oid::regclass FROM pg_class c JOIN pg_roles owner ON owner.oid = c.relowner
WHERE owner.rolname <> $1 AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
  AND NOT (c.relkind = 'S' AND EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i')))
UNION ALL
SELECT 'ROUTINE ' || f.oid::regprocedure FROM pg_proc f JOIN pg_roles owner ON owner.oid = f.proowner
WHERE owner.rolname <> $1 AND f.pronamespace = 'public'::regnamespace
"""
"""The objects in the database that are somebody else's. A sequence that belongs to a column goes with the table."""


async def grant(superuser_url: str, password: str) -> None:
    """On return the role has this password, the database and all that is in it, and no right beyond. Raises what
    asyncpg does."""
    connection = await asyncpg.connect(superuser_url, ssl=False, timeout=5, server_settings=_SILENT)
    try:
        known = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", ROLE)
        await connection.execute(f"{'ALTER' if known else 'CREATE'} ROLE {ROLE} {_ORDINARY} PASSWORD '{password}'")
        # On a full disk the steward has files of the write-ahead log used again before it deletes anything.
        await connection.execute(f"GRANT pg_checkpoint TO {ROLE}")
        made = await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE)
        await connection.execute(
            f"ALTER DATABASE {DATABASE} OWNER TO {ROLE}" if made else f"CREATE DATABASE {DATABASE} OWNER {ROLE}"
        )
    finally:
        await connection.close()
    if made:
        await _give_all(urlunsplit(urlsplit(superuser_url)._replace(path=f"/{DATABASE}")))


async def _give_all(url: str) -> None:
    connection = await asyncpg.connect(url, ssl=False, timeout=5)
    try:
        async with connection.transaction():
            for (name,) in await connection.fetch(_OTHERS, ROLE):
                await connection.execute(f"ALTER {name} OWNER TO {ROLE}")
    finally:
        await connection.close()
