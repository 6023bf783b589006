"""Migrations while rooms are played: no move waits behind one, one that is interrupted goes on, and what the release
before needs stays until it is said to be gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from kit.damage import execute, playing
from kit.hosts import chat, connected, hosting
from tavola.storage.migrate import BATCH_ROWS, migrate, read, shipped

BACKFILL = """-- A column that is computed from another.
ALTER TABLE things ADD COLUMN twice bigint;

-- part: indexes
DROP INDEX CONCURRENTLY IF EXISTS things_number;
CREATE INDEX CONCURRENTLY things_number ON things (number);

-- part: batches
WITH next AS (
    SELECT number FROM things WHERE number > coalesce(nullif(:after::text, ''), '0')::bigint
    ORDER BY number LIMIT :most::bigint
), changed AS (
    UPDATE things SET twice = coalesce(twice, 0) + 2 * number WHERE number IN (SELECT number FROM next)
)
SELECT max(number)::text AS last, count(*) AS rows FROM next HAVING count(*) > 0;

-- part: contract
ALTER TABLE things DROP COLUMN old;
"""
THINGS = 3 * BATCH_ROWS + 17
MAKE = f"CREATE TABLE things AS SELECT n::bigint AS number, n AS old FROM generate_series(1, {THINGS}) n"
STANDS = "SELECT count(*) FILTER (WHERE twice = 2 * number) AS right, count(twice) AS some FROM things"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "1000_things.sql").write_text(BACKFILL)
    return tmp_path


@asynccontextmanager
async def session(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        yield connection
    finally:
        await connection.close()


async def test_a_migration_has_its_parts_done_in_order_and_contracts_when_told(database_url: str, folder: Path) -> None:
    await execute(database_url, MAKE)
    said: list[str] = []
    done = await migrate(database_url, folder.iterdir(), say=said.append)
    name = "1000_things.sql"
    assert done == [name, f"{name}, indexes", f"{name}, {THINGS} rows"]
    assert [tuple(row) for row in await execute(database_url, STANDS)] == [(THINGS, THINGS)]
    assert f"{name}: {2 * BATCH_ROWS} rows" in said, "its progress"
    assert "--contract" in said[-1]
    assert await execute(database_url, "SELECT old FROM things LIMIT 1"), "older code needs it"
    assert await migrate(database_url, folder.iterdir()) == []
    assert await migrate(database_url, folder.iterdir(), contract=True) == [f"{name}, contracted"]
    with pytest.raises(asyncpg.UndefinedColumnError):
        await execute(database_url, "SELECT old FROM things LIMIT 1")
    assert await migrate(database_url, folder.iterdir(), contract=True) == []


async def test_batches_that_are_interrupted_go_on_where_they_were(database_url: str, folder: Path) -> None:
    """Killed between two batches: none is lost, and none done twice."""

    await execute(database_url, MAKE)
    with pytest.raises(Interrupted):
        await migrate(database_url, folder.iterdir(), say=_killed_after(2 * BATCH_ROWS))
    [(right, some)] = [tuple(row) for row in await execute(database_url, STANDS)]
    assert (right, some) == (2 * BATCH_ROWS, 2 * BATCH_ROWS), "it was interrupted in the middle"
    assert await migrate(database_url, folder.iterdir()) == [f"1000_things.sql, {THINGS - 2 * BATCH_ROWS} rows"]
    assert [tuple(row) for row in await execute(database_url, STANDS)] == [(THINGS, THINGS)]


class Interrupted(Exception):
    pass


def _killed_after(rows: int) -> Callable[[str], None]:
    def say(text: str) -> None:
        if text.endswith(f": {rows} rows"):
            raise Interrupted

    return say


async def test_no_move_waits_behind_a_migration(database_url: str, tmp_path: Path) -> None:
    """Somebody reads a hot table for long, and a migration wants it for itself: moves go on between them."""

    (tmp_path / "1000_hot.sql").write_text("ALTER TABLE game_states ADD COLUMN more integer")
    async with (
        connected(database_url) as database,
        hosting(database, "a") as a,
        session(database_url) as reader,
        session(database_url) as observer,
    ):
        room, epoch = await playing(database, a)
        tried = asyncio.Queue[str]()
        begun = reader.transaction()
        await begun.start()
        await reader.fetch("SELECT count(*) FROM game_states")
        migrating = asyncio.create_task(migrate(database_url, tmp_path.iterdir(), say=tried.put_nowait))
        for number in range(3):
            async with asyncio.timeout(30):
                assert "others have locked" in await tried.get()
            await a.does(epoch, "ann", chat(room, f"on {number}"))
        assert not migrating.done()
        held = await observer.fetchval(
            "SELECT count(*) FROM pg_locks WHERE relation = 'game_states'::regclass AND pid = $1",
            reader.get_server_pid(),
        )
        assert held == 1, "the reader stood in its way all the time"
        await begun.rollback()
        async with asyncio.timeout(30):
            assert await migrating == ["1000_hot.sql"]
        await a.does(epoch, "ann", chat(room, "after"))


async def test_a_migration_that_fails_leaves_nothing_of_itself(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "1000_good.sql").write_text("CREATE TABLE good ()")
    (tmp_path / "1001_bad.sql").write_text("CREATE TABLE bad (); SELECT 1 / 0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(database_url, tmp_path.iterdir())
    found = await execute(database_url, "SELECT to_regclass('good') AS good, to_regclass('bad') AS bad")
    assert (found[0]["good"], found[0]["bad"]) == ("good", None)


def test_parts_are_known_and_in_order(tmp_path: Path) -> None:
    (tmp_path / "1_wrong.sql").write_text("SELECT 1;\n-- part: contract\nSELECT 1;\n-- part: batches\nSELECT 1;")
    with pytest.raises(AssertionError, match="parts are"):
        read(tmp_path.iterdir())
    assert len(read(shipped())) > 6
