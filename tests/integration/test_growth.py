"""How fast the database grows, on a real Postgres: measured, told to whom it concerns, and warned of in time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from kit.hosts import connected, open_room
from tavola.actors.upkeep.measuring import Measuring
from tavola.config.settings import Settings
from tavola.doctor import _growth as doctors
from tavola.edge.common.metrics import Metrics, StoredBytes
from tavola.edge.operating.admin_api import growth_reply
from tavola.storage.growth import DAY_MS, growth, told
from tavola.storage.postgres import Database

HOUR_MS = 3_600_000


@asynccontextmanager
async def measured(url: str, **settings: Any) -> AsyncIterator[tuple[Callable[[int], Any], Database, Any]]:
    """A function that measures at a moment, the database, and a connection to look into it."""
    now = 0
    given = {"DATABASE_URL": url, "TAVOLA_JWT_SECRET": "s" * 32, **settings}
    async with connected(url) as database:
        truth = await asyncpg.connect(url, ssl=False)
        measuring = Measuring(Settings(**given), database, lambda: now)

        async def at(ms: int) -> list[Any]:
            nonlocal now
            now = ms
            with capture_logs() as logs:
                await measuring.measure()
            return [each for each in logs if each["event"].startswith("storage.")]

        try:
            yield at, database, truth
        finally:
            await truth.close()


async def grow(truth: Any, size: int) -> None:
    """The hands have so many bytes more, more or less."""
    room = await truth.fetchval("SELECT id FROM rooms LIMIT 1")
    await truth.execute(
        "INSERT INTO hands (room_id, game, number, record) SELECT $1, "
        "(SELECT 1 + coalesce(max(game), 0) FROM hands), n, to_json(repeat(md5(n::text), 30)) "
        "FROM generate_series(1, $2::integer) n",
        room, size // 1100,
    )  # fmt: skip


async def test_nothing_is_told_before_it_was_measured(database_url: str) -> None:
    async with measured(database_url) as (at, database, _):
        assert await growth(database) is None
        await at(DAY_MS)
        found = await growth(database)
        assert found is not None
        assert (found.measured_at, found.database.a_day, found.free, found.full_in_days) == (DAY_MS, None, None, None)
        assert found.database.bytes > sum(each.bytes for each in found.tables) > 0
        await at(DAY_MS + HOUR_MS - 1)
        assert (await growth(database)).database.a_day is None, "it would be guessed"  # type: ignore[union-attr]


async def test_a_days_growth_by_table_and_when_the_disk_is_full(database_url: str) -> None:
    async with measured(database_url, TAVOLA_DATABASE_DISK_GB=1) as (at, database, truth):
        await open_room(database)
        await at(0)
        await grow(truth, 4_000_000)
        await at(DAY_MS // 2)
        half = await growth(database)
        assert half is not None
        await grow(truth, 4_000_000)
        await at(DAY_MS)
        await grow(truth, 8_000_000)
        await at(DAY_MS + DAY_MS // 2)
        found = await growth(database)
        assert found is not None
        by_name = {each.name: each for each in found.tables}
        assert found.tables[0].name == "hands"
        assert 7_000_000 < half.tables[0].a_day < 11_000_000, "half a day's, twice"  # type: ignore[operator]
        assert 11_000_000 < by_name["hands"].a_day < 16_000_000, "the last day's, not all"  # type: ignore[operator]
        assert by_name["rooms"].a_day == 0
        assert found.database.a_day >= by_name["hands"].a_day  # type: ignore[operator]
        assert found.free is not None
        assert abs(found.free - (10**9 - found.database.bytes)) < 1_000_000, "measured a moment apart"
        assert found.full_in_days == pytest.approx(found.free / found.database.a_day)  # type: ignore[operator]
        await at(20 * DAY_MS)
        assert await truth.fetchval("SELECT min(at) FROM sizes") == 20 * DAY_MS, "what is old is not kept"


async def test_warnings_at_fourteen_days_and_at_three(database_url: str) -> None:
    """Each once, and again every day that it lasts."""
    async with measured(database_url, TAVOLA_DATABASE_DISK_GB=1) as (at, _, truth):
        await at(DAY_MS)
        whole = await truth.fetchval("SELECT pg_database_size(current_database())")

        async def full_in(days: float, ms: int) -> list[str]:
            """The warnings, when the database has grown so fast for a day."""
            was = round(whole - (10**9 - whole) / days)
            await truth.execute("DELETE FROM sizes")
            await truth.execute("INSERT INTO sizes (at, name, bytes) VALUES ($1, '', $2)", ms - DAY_MS, was)
            return [f"{each['event']} {each['days']:.0f}" for each in await at(ms)]

        start = 100 * DAY_MS
        assert await full_in(20, start) == []
        assert await full_in(13, start + 1) == ["storage.filling 13"]
        assert await full_in(12, start + 2) == []
        assert await full_in(2, start + 3) == ["storage.almost_full 2"]
        assert await full_in(1, start + 4) == []
        assert await full_in(10, start + 5) == []
        assert await full_in(2, start + 3 + DAY_MS) == ["storage.almost_full 2"]
        assert await full_in(-5, start + 4 + DAY_MS) == [], "it shrinks"
        assert await full_in(13, start + 5 + DAY_MS) == ["storage.filling 13"]


async def test_the_embedded_disk_is_looked_at(database_url: str, tmp_path: Path) -> None:
    """If the Postgres in the data folder is the one that is used."""
    folder = tmp_path / "postgres"
    folder.mkdir()
    port = database_url.rpartition(":")[2].partition("/")[0]
    for written, known in ((port, True), ("1", False)):
        (folder / "port").write_text(written)
        async with measured(database_url, TAVOLA_DATA_DIR=tmp_path) as (at, database, truth):
            await truth.execute("DELETE FROM sizes")
            await at(1)
            found = await growth(database)
            assert found is not None
            assert (found.free is not None) is known


async def test_operator_doctor_and_metrics_tell_it(database_url: str) -> None:
    async with measured(database_url, TAVOLA_DATABASE_DISK_GB=1) as (at, database, truth):
        settings = Settings(DATABASE_URL=database_url, TAVOLA_JWT_SECRET="s" * 32)
        (check,) = await doctors(settings)
        assert (check.fit, check.found.partition(":")[0]) == (True, "not measured yet")
        reply = await growth_reply(database)
        assert (reply.measured_at, reply.tables) == (None, [])
        await open_room(database)
        await at(0)
        await grow(truth, 3_000_000)
        await at(DAY_MS)
        (check,) = await doctors(settings)
        assert check.fit
        assert "more a day (hands 3." in check.found
        assert "full in" in check.found
        reply = await growth_reply(database)
        assert (reply.measured_at, reply.tables[0].name) == ("1970-01-02T00:00:00.000Z", "hands")
        await truth.execute("UPDATE sizes SET bytes = 1000000 WHERE name = ' free'")
        (check,) = await doctors(settings)
        assert not check.fit, "it is full tomorrow"

    metrics = Metrics(sockets=int, rooms=int, unreadable=dict, lost=int, not_opened=int)
    assert b"tavola_table_bytes" not in metrics.text()
    metrics.grown(StoredBytes([("hands", 5, None), ("log", 7, -2)], (20, 3), None, 1.5))
    lines = metrics.text().decode().splitlines()
    assert {'tavola_table_bytes{table="hands"} 5.0', 'tavola_table_growth_bytes{table="log"} -2.0'} <= set(lines)
    assert {"tavola_database_bytes 20.0", "tavola_disk_full_days 1.5"} <= set(lines)
    assert not [line for line in lines if "disk_free" in line or 'growth_bytes{table="hands"}' in line]


def test_bytes_are_told_as_people_read_them() -> None:
    assert [told(size) for size in (0, 999, 1000, -1_500_000, 123_400_000, 5 * 10**15)] == [
        "0 bytes", "999 bytes", "1.0 KB", "-1.5 MB", "123 MB", "5000 TB",
    ]  # fmt: skip
