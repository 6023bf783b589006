"""Days of the log come and go while everything is backed up: neither hinders the other."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from kit.command_line import tavola
from kit.hosts import SECRET, chat, connected, hosting, open_room, place
from kit.stack import Truth, until
from tavola.actors.upkeep import retention as retention_module
from tavola.actors.upkeep.log_tender import LogTender
from tavola.actors.upkeep.retention import DAY_MS, Retention
from tavola.config.settings import Settings
from tavola.storage.fingerprint import admit
from tavola.storage.postgres import Database

NOW = 400 * DAY_MS
BACKUPS = 6


def retention(database: Database) -> Retention:
    return Retention(Settings(), database, lambda: NOW)


async def old_days(database: Database, first: int, last: int) -> None:
    first_date, last_date = (datetime.fromtimestamp(day * DAY_MS / 1000, UTC).date() for day in (first, last))
    await database.rows("make_log_days", first=first_date, last=last_date)


async def days_of(truth: Any) -> set[str]:
    return {
        row["relname"] for row in await truth.fetch("SELECT relname FROM pg_class WHERE relname ~ '^log_[0-9]{8}$'")
    }


async def test_days_wait_for_a_backup(
    database_url: str, empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands still before it has locked anything, when it knows already which tables there are. Meanwhile a round
    would drop two days, of which one is out of the log, and days would be made; and play goes on."""
    monkeypatch.setattr(retention_module, "DETACH_TRIES", 1)
    monkeypatch.setattr(retention_module, "DETACH_PAUSE_S", 0.0)
    truth = Truth(database_url)
    await truth.connect()
    async with connected(database_url) as database, hosting(database, "a") as table:
        await admit(database, SECRET)
        room = await open_room(database)
        epoch = await place(database, room)
        await table.does(epoch, "host", chat(room, "the room is loaded"))
        await old_days(database, 300, 301)
        before = await days_of(truth.connection)
        await truth.connection.execute("SELECT detach_log_day($1, 1000)", min(before))
        async with truth.connection.transaction():
            await truth.connection.execute("LOCK TABLE sign_outs")
            backing = asyncio.create_task(tavola(database_url, tmp_path, "backup", "kept"))
            await truth.holds_back(1, "LOCK TABLE")
            await retention(database).round()
            await LogTender(database, lambda: 500 * DAY_MS).make_days()
            assert await days_of(truth.connection) == before, "none has come, and none has gone"
            for number in range(20):
                await table.does(epoch, "host", chat(room, f"say {number}"))
        code, _, error = await backing
        assert code == 0, error
        await retention(database).round()
        await LogTender(database, lambda: 500 * DAY_MS).make_days()
        after = await days_of(truth.connection)
        assert not {name for name in before & after if name.startswith("log_1970")}
        assert after - before
    truth.connection.terminate()
    code, _, error = await tavola(empty_database, tmp_path, "restore", "kept", "--new-secret")
    assert code == 0, error
    connection = await asyncpg.connect(empty_database, ssl=False)
    assert await days_of(connection) == before
    await connection.close()


@pytest.mark.long
async def test_backups_while_days_come_and_go(database_url: str, tmp_path: Path) -> None:
    """As often as they can. Each backup is whole; and days have come and gone between them."""
    async with connected(database_url) as database:
        await admit(database, SECRET)
        going, gone = True, 0

        async def days() -> None:
            nonlocal gone
            truth = await asyncpg.connect(database_url, ssl=False)
            while going:
                await old_days(database, 300, 305)
                made = {name for name in await days_of(truth) if name.startswith("log_1970")}
                await retention(database).round()
                gone += len(made - await days_of(truth))
            await truth.close()

        coming = asyncio.create_task(days())
        try:
            for number in range(BACKUPS):
                await until(lambda before=gone: gone > before, "days have gone")  # type: ignore[misc]
                code, _, error = await tavola(database_url, tmp_path, "backup", f"kept{number}")
                assert code == 0, error
        finally:
            going = False
            await coming
