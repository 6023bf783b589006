"""The batch commit as columns: `commit` in queries.sql with the parts of records.sql. Bytes and rows only."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import msgspec

from tavola.storage.postgres import QUERIES, Database, PinnedConnection
from tavola.storage.rows import LogRow, Records, StateRow

_json = msgspec.json.Encoder().encode


async def commit(
    database: Database | PinnedConnection, states: list[StateRow], log: list[LogRow], records: Records
) -> set[str]:
    """Write a batch as one statement; returns the ids of the rooms that were written.

    On return those rooms' updates are durable, and nothing was written of the others (they are fenced). On
    `StorageUnavailable` with `unknown` all of it may or may not be there. On `Conflict`, or without `unknown`, none is.
    """
    tables = {table: rows for table in _TABLES if (rows := getattr(records, table))}
    if len(log) == 1:
        query = "commit_one"
        _, _, *fields, _ = _fields(log[0])
        arguments = [*_fields(states[0]), *fields]
    else:
        query = "commit"
        arguments = [list(column) for column in zip(*map(_fields, states), strict=True)]
        arguments += [list(column) for column in zip(*map(_fields, log), strict=True)]
    if tables:
        query = _with_records(query, tuple(tables), len(arguments))
        arguments += [_json(rows).decode() for rows in tables.values()]
    return {row[0] for row in await database.rows(query, *arguments)}


@cache
def _with_records(query: str, tables: tuple[str, ...], arguments: int) -> str:
    """The name of a query that does what `query` does with its `arguments`, and writes the rows of these tables: only
    of these, for Postgres prepares for all that a statement could do, each time that it is run."""
    head, end, rest = QUERIES[query].rpartition("\n)\n")
    assert rest.startswith(("SELECT room_id FROM held", "INSERT INTO actions")), "the parts come before what is last"
    parts = [_PARTS[table].replace("$rows", f"${number}") for number, table in enumerate(tables, arguments + 1)]
    name = "+".join((query, *tables))
    QUERIES[name] = f"{', '.join((head + end.rstrip(), *parts))}\n{rest}"
    return name


def _read_parts() -> dict[str, str]:
    text = files("tavola.storage").joinpath("sql", "records.sql").read_text()
    parts = re.split(r"^-- part: (\w+)\n", text, flags=re.MULTILINE)[1:]
    return {table: part.strip() for table, part in zip(parts[::2], parts[1::2], strict=True)}


_PARTS = _read_parts()
_TABLES = Records.__struct_fields__
assert _PARTS.keys() == set(_TABLES)
_fields = msgspec.structs.astuple
