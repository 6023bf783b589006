"""A closed room is removed, on a real Postgres: at once to everybody, in batches for the disk, and wholly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from kit.hosts import connected, hosting, stored
from kit.lives import closed, played
from kit.mentions import tables_of_rooms, tables_with
from tavola.actors.cluster.directory import Directory, RoomRemoved
from tavola.actors.errands.doing import here
from tavola.actors.upkeep.pace import LEAST, MOST, Pace
from tavola.actors.upkeep.removal import Removal
from tavola.actors.upkeep.retention import DAY_MS, REMEMBERED_MS, Retention
from tavola.actors.wire.commands import (
    Leave,
    UserId,
)
from tavola.actors.wire.messages import Moved, Refusal
from tavola.config.settings import Settings
from tavola.edge.identity.auth import Identity
from tavola.edge.rest import games_api
from tavola.edge.rest.lobby import Lobby
from tavola.edge.rest.rest import RestRouter
from tavola.edge.rest.rewind import Rewind
from tavola.edge.ws.connection import Services
from tavola.storage.postgres import Database


class _Nobody:
    async def start_actor(self, avoid: str | None = None) -> None:
        raise AssertionError("nobody rouses a room that is removed")


@asynccontextmanager
async def sql(url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        yield connection
    finally:
        await connection.close()


def removal(database: Database, now: int = 1) -> Removal:
    return Removal(database, lambda: now, archived=False)


def client(database: Database) -> httpx.AsyncClient:
    """The game's endpoints, by which a user is whom the request says."""

    async def who(request: Request) -> Identity:
        return Identity(UserId(request.headers["x-user"]), "Name", 0)

    router = RestRouter(who, Lobby(database, here))
    nobody = SimpleNamespace(presence=SimpleNamespace(people=None))
    services = Services(None, None, None, nobody, database)  # type: ignore[arg-type]
    services.errand = here
    app = Starlette(routes=router.routes(games_api.endpoints(services, Rewind(database, here))))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")


async def test_a_closed_room_is_removed_wholly(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table, sql(database_url) as truth:
        room, other = await closed(database, table), (await played(database, table))[0]
        code = (await stored(database, room))["code"]
        before = await tables_with(truth, other)
        holds = set(await tables_with(truth, room))
        assert {f"public.{name}" for name in ("rooms", "game_states", "hands", "checkpoints", "room_players")} <= holds
        async with client(database) as asked:
            path, host = f"/api/game/{room}/persist", {"x-user": "host"}
            none = await asked.get(path, headers=host)
            assert (none.status_code, none.json()["error"]["code"]) == (404, "room_not_found")
            refused = await asked.delete(path, headers={"x-user": "ann"})
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_host")
            reply = await asked.delete(path, headers=host)
            assert (reply.status_code, reply.headers["location"]) == (202, path)
            job = reply.json()
            assert (job["status"], job["rows"], job["rows_removed"]) == ("queued", job["version"], 0)
            again = await asked.delete(path, headers=host)
            assert (again.status_code, again.json()) == (202, job), "it is the same removal"
            for user in ("ann", "nobody"):
                theirs = await asked.get(path, headers={"x-user": user})
                assert (theirs.status_code, theirs.json()["error"]["code"]) == (410, "game_over")
            await removal(database, now=5).work()
            done = (await asked.get(path, headers=host)).json()
            assert (done["status"], done["rows_removed"], done["version"]) == ("done", job["rows"], job["version"])
            assert (await asked.delete(path, headers=host)).json() == done
            assert (await asked.post(path, headers=host)).status_code == 410
        assert await tables_with(truth, room, code) == {}
        for name in await tables_of_rooms(truth):
            assert await truth.fetchval(f"SELECT count(*) FROM {name} WHERE room_id = $1", room) == 0
        assert await tables_with(truth, other) == before, "nothing of another room went"


async def test_a_room_that_is_not_closed_stays(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table, sql(database_url) as truth:
        room, _ = await played(database, table)
        before = await tables_with(truth, room)
        async with client(database) as asked:
            reply = await asked.delete(f"/api/game/{room}/persist", headers={"x-user": "host"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (409, "hand_in_progress")
        await removal(database).work()
        assert await tables_with(truth, room) == before


async def test_from_the_first_moment_nobody_reaches_it(database_url: str) -> None:
    """The actor that has it in memory writes nothing, and who asks anybody else learns that it is over."""
    async with connected(database_url) as database, hosting(database, "a") as table, sql(database_url) as truth:
        room = await closed(database, table)
        epoch = (await stored(database, room))["epoch"]
        assert await database.row("ask_removal", room_id=room, at=1) is not None
        refused = await table.deliver(epoch, "sue", Leave(id="leave", room=room))
        assert isinstance(refused, Refusal)
        assert refused.code == "room_closed", "nothing is written"
        assert isinstance(await table.look(epoch, "host", room), Moved), "who asks must look where it is"
        assert isinstance(await table.deliver(epoch, "sue", Leave(id="leave", room=room)), Moved), "it was let go of"
        with pytest.raises(RoomRemoved):
            await Directory(database, _Nobody()).find(room)
        await removal(database).work()
        with pytest.raises(RoomRemoved):
            await Directory(database, _Nobody()).find(room)
        assert await tables_with(truth, room) == {}


async def test_a_removal_that_was_broken_off_goes_on(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table, sql(database_url) as truth:
        room = await closed(database, table)
        job = await database.row("ask_removal", room_id=room, at=1)
        assert job is not None
        row = await database.row("remove_log", room_id=room, after=0, most=7)
        assert row is not None
        assert (row["gone"], row["last"]) == (7, 7)
        row = await database.row("remove_some", room_id=room, most=3)
        assert row is not None
        assert row["gone"] == 3
        assert await tables_with(truth, room)
        await asyncio.gather(*(removal(database).work() for _ in range(3)))
        await removal(database).work()
        assert await tables_with(truth, room) == {}
        (told,) = await truth.fetch("SELECT rows_before, rows_gone, finished_at FROM removals")
        assert told["rows_before"] - 3 <= told["rows_gone"] <= told["rows_before"]
        assert told["finished_at"] is not None


async def test_closed_rooms_go_after_their_days(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table, sql(database_url) as truth:
        old, new, playing = [(await closed(database, table)) for _ in range(2)] + [(await played(database, table))[0]]
        at = await truth.fetchval("SELECT closed_at FROM rooms WHERE id = $1", old)
        await truth.execute("UPDATE rooms SET closed_at = closed_at + 60000 WHERE id = $1", new)
        kept = Retention(Settings(TAVOLA_KEEP_CLOSED_ROOMS_DAYS=0), database, lambda: at + 1000 * DAY_MS)
        await kept.expire_rooms()
        assert await truth.fetchval("SELECT count(*) FROM removals") == 0, "0: never"
        now = at + 7 * DAY_MS + 1
        await Retention(Settings(), database, lambda: now).expire_rooms()
        await removal(database, now).work()
        assert await tables_with(truth, old) == {}
        assert await tables_with(truth, new)
        assert await tables_with(truth, playing)
        later = now + REMEMBERED_MS + 1
        settings = Settings(TAVOLA_KEEP_CLOSED_ROOMS_DAYS=100_000)
        await Retention(settings, database, lambda: later).round()
        assert await truth.fetchval("SELECT count(*) FROM removals") == 0, "in the end even that there was one"


async def test_a_batch_is_as_large_as_the_database_is_fast() -> None:
    now = 0.0

    async def taking(seconds: float, done: int) -> int:
        nonlocal now
        now += seconds
        return done

    pace = Pace(lambda: now)
    for _ in range(20):
        await pace.batch(lambda most: taking(0.001, most))
    assert pace.most == MOST
    for _ in range(20):
        await pace.batch(lambda most: taking(0.2, most))
    assert pace.most == LEAST
    assert pace.longest == pytest.approx(0.2)
    sizes = [LEAST, 3, 0]
    assert await pace.through(lambda most: taking(0.03, sizes.pop(0))) == LEAST + 3
