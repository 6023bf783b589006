"""Databases for tests: made once from a template, emptied and given to the next test under another name.

To make one takes a quarter of a second of a core, for it is six hundred files; to empty one takes a tenth of that. A
database whose tables are not what they were, or that has grown, is dropped.
"""

from __future__ import annotations

from itertools import count
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tavola.stack.embedded_roles import ROLE
from tavola.storage.migrate import migrate

TEMPLATE = "template_tavola"
LARGEST = 4 << 20
"""Bytes of tables with which a database is emptied rather than dropped."""
_numbers = count(1)

_ORDER = """
SELECT md5(string_agg(told, chr(10) ORDER BY told)) FROM (
    SELECT concat_ws(' ', 'relation', oid, relname, relnamespace, relkind, relowner, relacl, reloptions, relispartition,
        pg_get_expr(relpartbound, oid)) AS told FROM pg_class WHERE oid >= 16384
    UNION ALL
    SELECT concat_ws(' ', 'column', attrelid, attname, atttypid, attnotnull, attstorage, atthasdef, attisdropped)
        FROM pg_attribute WHERE attrelid >= 16384 AND attnum > 0
    UNION ALL SELECT concat_ws(' ', 'default', oid, adrelid, pg_get_expr(adbin, adrelid)) FROM pg_attrdef
    UNION ALL SELECT concat_ws(' ', 'constraint', oid, conname, convalidated) FROM pg_constraint WHERE oid >= 16384
    UNION ALL SELECT concat_ws(' ', 'index', indexrelid, indisvalid) FROM pg_index WHERE indexrelid >= 16384
    UNION ALL SELECT concat_ws(' ', 'trigger', oid, tgname, tgenabled) FROM pg_trigger WHERE oid >= 16384
    UNION ALL SELECT concat_ws(' ', 'function', oid, proname, md5(prosrc), proacl) FROM pg_proc WHERE oid >= 16384
    UNION ALL SELECT concat_ws(' ', 'schema', oid, nspname, nspacl) FROM pg_namespace WHERE oid >= 16384
    UNION ALL SELECT concat_ws(' ', 'setting', setconfig) FROM pg_db_role_setting
        WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
) AS everything
"""
"""The tables as they are made: the same of each copy of a template, whatever rows are in it."""
_SIZE = "SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE oid >= 16384 AND relkind = 'r'"
_TABLES = """
SELECT oid::regclass::text AS name FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND oid >= 16384
"""
_SEQUENCES = """
SELECT format('SELECT setval(%L, %s, %s)', c.oid::regclass, coalesce(pg_sequence_last_value(c.oid), s.seqstart),
    (pg_sequence_last_value(c.oid) IS NOT NULL)::text) AS again
FROM pg_class AS c JOIN pg_sequence AS s ON s.seqrelid = c.oid
"""
_ROWS = "SELECT json_agg(to_json(t))::text FROM {} AS t"
_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"


class TestDatabases:
    """Databases with all migrations applied and nothing in them, on one server."""

    __test__ = False

    def __init__(self, url: str, superuser_url: str, order: str, empty: str) -> None:
        """`order` is what `_ORDER` says of them, and `empty` makes them as they were."""
        self._url, self._superuser_url = url, superuser_url
        self._order, self._empty = order, empty
        self._free: list[str] = []

    @classmethod
    async def made(cls, url: str, superuser_url: str) -> TestDatabases:
        """Makes the template."""
        await _execute(superuser_url, f"CREATE DATABASE {TEMPLATE} OWNER {ROLE}")
        await migrate(at(url, TEMPLATE))
        template = await asyncpg.connect(at(superuser_url, TEMPLATE), ssl=False)
        try:
            order = await template.fetchval(_ORDER)
            steps = ["BEGIN", "SET LOCAL session_replication_role = replica"]
            for (name,) in await template.fetch(_TABLES):
                steps.append(f"DELETE FROM {name}")
                if rows := await template.fetchval(_ROWS.format(name)):
                    quoted = rows.replace("'", "''")
                    made = f"SELECT * FROM json_populate_recordset(NULL::{name}, '{quoted}')"
                    steps.append(f"INSERT INTO {name} OVERRIDING SYSTEM VALUE {made}")
            steps += [again for (again,) in await template.fetch(_SEQUENCES)]
        finally:
            await template.close()
        return cls(url, superuser_url, order, "; ".join((*steps, "COMMIT")))

    async def take(self) -> str:
        """The name of one that is the caller's until it is given back."""
        if self._free:
            return self._free.pop()
        name = f"test_{next(_numbers)}"
        await _execute(self._superuser_url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER {ROLE}")
        return name

    async def give_back(self, name: str) -> None:
        """A program that is still connected to it is cut off, and finds it no more."""
        renamed = f"test_{next(_numbers)}"
        server = await asyncpg.connect(self._superuser_url, ssl=False)
        try:
            await server.execute(_OTHERS, name)
            try:
                await server.execute(f"ALTER DATABASE {name} RENAME TO {renamed}")
            except asyncpg.ObjectInUseError:
                await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
                return
            if await self._emptied(renamed):
                self._free.append(renamed)
            else:
                await server.execute(f"DROP DATABASE {renamed} WITH (FORCE)")
        finally:
            await server.close()

    async def _emptied(self, name: str) -> bool:
        """Whether it could be."""
        database = await asyncpg.connect(at(self._superuser_url, name), ssl=False)
        try:
            if await database.fetchval(_ORDER) != self._order or await database.fetchval(_SIZE) > LARGEST:
                return False
            await database.execute(self._empty)
            return True
        finally:
            await database.close()


def at(url: str, database: str) -> str:
    """The same server's."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
