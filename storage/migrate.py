"""Migrations: the schema brought up to date while rooms are played, by old code and new.

A file of `storage/migrations` has up to four parts, each begun by a line of its own (`-- part: batches`, …):

- `expand`, what comes before any such line: new tables, columns, functions. One transaction. Code of the release before
  must still run on what it makes.
- `indexes`: statements that are run one by one outside of a transaction, such as CREATE INDEX CONCURRENTLY.
- `batches`: one statement that changes up to `:most` rows after `:after` (text; '' at first) and gives the place to go
  on from as `last`, and how many there were as `rows`. It is run until it gives none; each run is a transaction that
  keeps `last`, so it may be interrupted at any moment, and goes on from there.
- `contract`: what only old code needs, taken away. It is done when `tavola migrate --contract` says that none runs.

No move waits behind a migration: whatever asks for a lock gives up after `LOCK_MS`, lets all go that it has, and tries
again.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

import asyncpg

from tavola.storage.postgres import STAY, Database, Query, alone
from tavola.storage.target import target

MIGRATION_LOCK = 0x7461766F6C61  # "tavola"
LOCK_MS = 100
"""How long a statement may stand in the line for a lock: for so long a move may have to wait behind it."""
TRIES = 600
"""How often a part is tried whose locks cannot be had: some five minutes."""
BATCH_ROWS = 1000
OTHERS_S = 0.2
"""How often it is looked whether another process that migrates has done."""

_PARTS = ("expand", "indexes", "batches", "contract")
_BUSY = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)

_TABLE = """
CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, applied_at timestamptz DEFAULT now());
ALTER TABLE migrations ADD COLUMN IF NOT EXISTS indexed_at timestamptz, ADD COLUMN IF NOT EXISTS batched_to text,
    ADD COLUMN IF NOT EXISTS batched_at timestamptz, ADD COLUMN IF NOT EXISTS contracted_at timestamptz
"""

Say = Callable[[str], None]


class Step(NamedTuple):
    """A migration's name, and its parts by their names."""

    name: str
    parts: dict[str, str]


class LocksNotHad(Exception):
    """Somebody else held for minutes what a migration needs. All that was done before stays."""


def shipped() -> Iterable[Traversable]:
    """The files of this release."""
    return files("tavola.storage").joinpath("migrations").iterdir()


def read(folder: Iterable[Traversable]) -> list[Step]:
    """The migrations in these files, in the order in which they are done."""
    return [
        Step(file.name, _parts(file))
        for file in sorted(folder, key=lambda file: file.name)
        if file.name.endswith(".sql")
    ]


def _parts(file: Traversable) -> dict[str, str]:
    first, *rest = re.split(r"^-- part: (\w+)\n", file.read_text(), flags=re.MULTILINE)
    parts = {"expand": first, **dict(zip(rest[::2], rest[1::2], strict=True))}
    assert list(parts) == [part for part in _PARTS if part in parts], f"{file.name}: parts are {', '.join(_PARTS)}"
    return parts


async def migrate(
    url: str, folder: Iterable[Traversable] | None = None, *, contract: bool = False, say: Say = lambda _: None
) -> list[str]:
    """Bring the schema up to date; several processes may do so at once, and each may be interrupted. Returns what was
    done: the names of migrations, with the part where it is not the first.

    Raises `StorageUnavailable` when Postgres cannot be reached, and `LocksNotHad`; a migration that Postgres refuses
    raises the driver's error. All that was done before stays.
    """
    steps, done = read(folder or shipped()), list[str]()
    async with alone(url) as connection, _locked(url, connection):
        await _patiently(connection, "migrations", say, partial(connection.execute, _TABLE))
        for step in steps:
            done += await _migrated(connection, step, contract, say)
    return done


async def missing(database: Database) -> list[str]:
    """This release's migrations that the database does not have. Raises `StorageUnavailable`."""
    have = {row["name"] for row in await database.rows("applied_migrations")}
    return [step.name for step in read(shipped()) if step.name not in have]


@asynccontextmanager
async def _locked(url: str, connection: Any) -> AsyncIterator[None]:
    """Nobody else migrates until the block is left. It is asked again and again, for an index that is built waits for
    every statement that waits."""
    if not target(url).lent:
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", MIGRATION_LOCK):  # noqa: ASYNC110
            await asyncio.sleep(OTHERS_S)
        yield
        return
    async with alone(url) as holder:
        while True:
            async with holder.transaction():
                if await holder.fetchval("SELECT pg_try_advisory_xact_lock($1)", MIGRATION_LOCK):
                    await holder.execute(STAY)
                    yield
                    return
            await asyncio.sleep(OTHERS_S)


async def _known(connection: Any, name: str) -> Any:
    """The row of that migration, if it was begun."""
    async with connection.transaction():
        return await connection.fetchrow("SELECT * FROM migrations WHERE name = $1", name)


async def _migrated(connection: Any, step: Step, contract: bool, say: Say) -> list[str]:
    """Do what is left of one migration."""
    done = []
    row = await _known(connection, step.name)
    if row is None:
        told = "INSERT INTO migrations (name) VALUES ($1)"
        await _patiently(connection, step.name, say, partial(_run, connection, step.parts["expand"], told, step.name))
        row = await _known(connection, step.name)
        done.append(step.name)
    if "indexes" in step.parts and row["indexed_at"] is None:
        say(f"{step.name}: indexes")
        for statement in filter(None, map(str.strip, step.parts["indexes"].split(";\n"))):
            await connection.execute(statement)
        async with connection.transaction():
            await connection.execute("UPDATE migrations SET indexed_at = now() WHERE name = $1", step.name)
        done.append(f"{step.name}, indexes")
    if "batches" in step.parts and row["batched_at"] is None:
        rows = await _batched(connection, step, row["batched_to"] or "", say)
        done.append(f"{step.name}, {rows} rows")
    if "contract" in step.parts and row["contracted_at"] is None and not contract:
        say(f"{step.name}: its last part waits for `tavola migrate --contract`, when no older release runs")
    elif "contract" in step.parts and row["contracted_at"] is None:
        told = "UPDATE migrations SET contracted_at = now() WHERE name = $1"
        await _patiently(connection, step.name, say, partial(_run, connection, step.parts["contract"], told, step.name))
        done.append(f"{step.name}, contracted")
    return done


async def _batched(connection: Any, step: Step, after: str, say: Say) -> int:
    """Run a migration's batches from `after` on; how many rows they changed."""
    query, total, more = Query(step.parts["batches"].strip().removesuffix(";")), 0, True

    async def batch() -> None:
        nonlocal after, total, more
        row = await connection.fetchrow(query.text, *query.arguments({"after": after, "most": BATCH_ROWS}))
        more = row is not None and row["rows"] > 0
        if more:
            after, total = row["last"], total + row["rows"]
            await connection.execute("UPDATE migrations SET batched_to = $2 WHERE name = $1", step.name, after)
        else:
            await connection.execute("UPDATE migrations SET batched_at = now() WHERE name = $1", step.name)

    while more:
        await _patiently(connection, step.name, say, batch)
        say(f"{step.name}: {total} rows")
    return total


async def _patiently(connection: Any, name: str, say: Say, work: Callable[[], Awaitable[None]]) -> None:
    """Do `work` in one transaction that never waits long for a lock: it starts afresh instead."""
    for tried in range(TRIES):
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_MS}ms'")
                await work()
            return
        except _BUSY:
            say(f"{name}: others have locked what it needs; try {tried + 2}")
            await asyncio.sleep(random.uniform(0.2, 0.8))
    raise LocksNotHad(f"{name}: others held for minutes what it needs; look for long transactions in pg_stat_activity")


async def _run(connection: Any, script: str, told: str, name: str) -> None:
    if re.sub(r"--.*", "", script).strip():  # A migration may have an index alone, say.
        await connection.execute(script)
    await connection.execute(told, name)
