"""The batch commit as columns: `commit` in commit.sql with the parts of records.sql. Bytes and rows only."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from operator import itemgetter
from typing import Any

import msgspec

from tavola.storage.postgres import QUERIES, Database, PinnedConnection, Query
from tavola.storage.rows import LogRow, Records, StateRow

_json = msgspec.json.Encoder().encode


class RemoteWriter(ABC):
    """Somebody who has batches committed elsewhere."""

    @abstractmethod
    async def write(self, states: list[StateRow], log: list[LogRow], records: Records) -> set[str]:
        """As `commit`."""


async def commit(
    database: Database | PinnedConnection, states: list[StateRow], log: list[LogRow], records: Records
) -> set[str]:
    """Write a batch as one statement; returns the ids of the rooms that were written.

    On return those rooms' updates are durable, and nothing was written of the others (they are fenced). On
    `StorageUnavailable` with `unknown` all of it may or may not be there. On `Conflict`, or without `unknown`, none is.
    """
    if isinstance(database, RemoteWriter):
        return await database.write(states, log, records)
    tables = {table: rows for table in _TABLES if (rows := getattr(records, table))}
    if len(log) == 1:
        kind = "commit_one"
        arguments = [*_fields(states[0]), *_fields(log[0])]
    else:
        kind = "commit"
        arguments = [list(column) for column in zip(*map(_fields, states), strict=True)]
        arguments += [list(column) for column in zip(*map(_fields, log), strict=True)]
    arguments += [_json(rows).decode() for rows in tables.values()]
    query, ordered = _statement(kind, tuple(tables))
    return {row["room_id"] for row in await database.fetch(query, ordered(arguments))}


async def warm(connection: PinnedConnection) -> None:
    """Have Postgres plan, on this connection, what most commits are, by running it for a room that there is not: its
    first commits take no longer than the others then. Nothing is written. Raises `StorageUnavailable`."""
    if isinstance(connection, RemoteWriter):
        return
    nothing = [
        *_fields(StateRow("", -1, -1, -1, "", 0)),
        *_fields(LogRow("", -1, "", "", b"", b"", 0, 0, None, 0, None)),
    ]
    for tables in _USUAL:
        for kind, arguments in (("commit_one", nothing), ("commit", [[value] for value in nothing])):
            query, ordered = _statement(kind, tables)
            await connection.fetch(query, ordered([*arguments, *("[]" for _ in tables)]))


@cache
def _statement(kind: str, tables: tuple[str, ...]) -> tuple[str, Callable[[Sequence[Any]], Sequence[Any]]]:
    """The query that writes these tables too, and what puts into its order a state's values, a log row's and those
    tables' rows. Names are looked up here, once, and at no commit."""
    query = _with_records(kind, tables) if tables else kind
    given = (*_STATE, *_LOG, *tables)
    return query, itemgetter(*(given.index(name) for name in QUERIES[query].names))


def _with_records(query: str, tables: tuple[str, ...]) -> str:
    """The name of a query that does what `query` does, and writes the rows of these tables: only of these, for Postgres
    prepares for all that a statement could do, each time that it is run."""
    head, end, rest = QUERIES[query].source.rpartition("\n)\n")
    assert rest.startswith(("SELECT room_id FROM held", "INSERT INTO log")), "the parts come before what is last"
    parts = [_PARTS[table] for table in tables]
    name = "+".join((query, *tables))
    QUERIES[name] = Query(f"{', '.join((head + end.rstrip(), *parts))}\n{rest}")
    return name


def _read_parts() -> dict[str, str]:
    text = files("tavola.storage").joinpath("sql", "records.sql").read_text()
    parts = re.split(r"^-- part: (\w+)\n", text, flags=re.MULTILINE)[1:]
    return {table: part.strip() for table, part in zip(parts[::2], parts[1::2], strict=True)}


_PARTS = _read_parts()
_TABLES = Records.__struct_fields__
_USUAL = ((), ("rooms",), ("seats",), ("seats", "hands", "checkpoints"))
"""The tables that are written in play, beside states and log."""
assert _PARTS.keys() == set(_TABLES)
_STATE = tuple(f"state_{field}" for field in StateRow.__struct_fields__)
_LOG = tuple(f"log_{field}" for field in LogRow.__struct_fields__)
_fields = msgspec.structs.astuple
