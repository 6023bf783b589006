"""Of array types is known what Postgres would say of them, and it is asked no more."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar

import asyncpg

from kit.hosts import connected
from tavola.storage.array_types import ARRAYS, KnowingConnection
from tavola.storage.postgres import QUERIES


class _Asking(asyncpg.Connection):  # type: ignore[misc]
    """Keeps what it was told of types."""

    told: ClassVar[dict[int, dict[str, Any]]] = {}

    async def _introspect_types(self, typeoids: Any, *within: Any) -> Any:
        rows, statement = await super()._introspect_types(typeoids, *within)
        self.told.update({row["oid"]: dict(row) for row in rows})
        return rows, statement


async def test_they_are_as_postgres_says(database_url: str) -> None:
    connection = await asyncpg.connect(database_url, connection_class=_Asking)
    try:
        await connection.fetch("SELECT " + ", ".join(f"NULL::{kind['elemtype_name']}[]" for kind in ARRAYS.values()))
    finally:
        await connection.close()
    assert ARRAYS.keys() <= _Asking.told.keys(), "the driver asks"
    for oid, known in ARRAYS.items():
        told = _Asking.told[oid]
        assert {**known, "elemtype_name": told["elemtype_name"]} == told


async def test_no_query_of_ours_has_them_asked_for(database_url: str) -> None:
    asked: list[Any] = []
    introspect = asyncpg.Connection._introspect_types

    async def spied(self: Any, typeoids: Any, *within: Any) -> Any:
        asked.append(list(typeoids))
        return await introspect(self, typeoids, *within)

    async with connected(database_url, most=1) as database:
        connection = await database.take()
        assert isinstance(connection._con, KnowingConnection)
        asyncpg.Connection._introspect_types = spied
        try:
            for query in QUERIES.values():
                with suppress(asyncpg.UndefinedTableError):  # An archive is restored into tables of its own.
                    await connection.prepare(query.text)
        finally:
            asyncpg.Connection._introspect_types = introspect
            await database.give_back(connection)
    assert asked == []
