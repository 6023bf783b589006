"""Space is made when an actor, the disk or the steward itself says that there is none; and not otherwise."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from kit.hosts import connected, hosting
from kit.lives import closed
from tavola.actors.upkeep import ballast as module
from tavola.actors.upkeep.ballast import Ballast
from tavola.actors.upkeep.relief import AGAIN_MS, SPARED_MS, Relief
from tavola.actors.upkeep.removal import Removal
from tavola.actors.upkeep.retention import Retention
from tavola.config.settings import Settings


async def test_closed_rooms_go_when_there_is_no_space(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table:
        old, lately = [await closed(database, table) for _ in range(2)]
        truth = await asyncpg.connect(database_url, ssl=False)
        at: int = await truth.fetchval("SELECT max(closed_at) FROM rooms")
        await truth.execute("UPDATE rooms SET closed_at = $2 WHERE id = $1", old, at - SPARED_MS - 1)
        now = at
        retention = Retention(Settings(), database, lambda: now)
        removal = Removal(database, lambda: now, archived=False)
        relief = Relief(database, retention, removal, Ballast(None), lambda: now)

        async def there() -> set[str]:
            return {row["id"] for row in await truth.fetch("SELECT id FROM rooms")}

        try:
            await relief.look()
            assert await there() == {old, lately}, "there is space"
            await database.rows("found_no_space", name="a")
            await relief.look()
            assert await there() == {lately}
            await truth.execute("UPDATE rooms SET closed_at = $2 WHERE id = $1", lately, at - SPARED_MS - 1)
            relief.notice()
            await relief.look()
            assert await there() == {lately}, "what does not help is not tried all the time"
            now += AGAIN_MS + 1
            await relief.look()
            assert await there() == set()
        finally:
            await truth.close()


def test_the_ballast_is_there_while_there_is_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ballast, file = Ballast(tmp_path), tmp_path / module.NAME
    for _ in range(2):
        ballast.make()
        assert file.stat().st_size == module.SIZE
    assert file.stat().st_blocks * 512 >= module.SIZE, "it takes its space"
    assert not ballast.low
    free = ballast.free()
    assert free is not None
    ballast.drop()
    ballast.drop()
    assert not file.exists()
    monkeypatch.setattr(module, "LEAST_FREE", 2 * free)
    monkeypatch.setattr(module, "LOW", 2 * free)
    ballast.make()
    assert not file.exists(), "a small disk has none"
    assert ballast.low
    nowhere = Ballast(None)
    nowhere.make()
    nowhere.drop()
    assert (nowhere.free(), nowhere.low) == (None, False)
