"""The pooler of a node: what its actors ask of Postgres goes by few connections, their commits together; and when it
is killed or stands still, an actor finds out what became of its commit and goes on by another one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any, get_type_hints

import asyncpg
import pytest

from kit.hosts import chat, connected, hosting, log_of, open_room, place, stored
from kit.poolers import PoolerNode, pooler_node
from kit.stack import Truth, kill, until
from tavola.actors.wire.messages import Committed
from tavola.storage.commits import commit
from tavola.storage.packing import command_key
from tavola.storage.pooler import server
from tavola.storage.postgres import Conflict, StorageUnavailable
from tavola.storage.rows import LogRow, Records, StateRow

XMIN = "SELECT xmin::text FROM game_states WHERE room_id = $1"


@pytest.fixture
def node(database_url: str) -> Iterator[PoolerNode]:
    with pooler_node(database_url) as node:
        yield node


class Lock:
    """A room's row, held by the test."""

    def __init__(self, url: str, room: str) -> None:
        self._url, self._room = url, room
        self.truth = Truth(url)

    async def __aenter__(self) -> Lock:
        await self.truth.connect()
        self._transaction = self.truth.connection.transaction()
        await self._transaction.start()
        await self.truth.connection.execute("SELECT FROM game_states WHERE room_id = $1 FOR UPDATE", self._room)
        return self

    async def release(self) -> None:
        await self._transaction.rollback()

    async def __aexit__(self, *_: object) -> None:
        await self.truth.connection.close()


async def test_commits_of_several_actors_become_one_statement(node: PoolerNode, database_url: str) -> None:
    async with connected(database_url) as direct, AsyncExitStack() as stack:
        tables = []
        for name in ("a", "b", "c"):
            database = await stack.enter_async_context(node.actor())
            tables.append(await stack.enter_async_context(hosting(database, name, capacity=1)))
        rooms = [await open_room(direct) for _ in tables]
        epochs = {room: await place(direct, room) for room in rooms}
        owners = {table.name: table for table in tables}
        mine = [owners[(await stored(direct, room))["actor"]] for room in rooms]
        for table, room in zip(mine, rooms, strict=True):
            await table.rouse(epochs[room], room)
        async with Lock(database_url, rooms[0]) as lock:
            said = [mine[0].deliver(epochs[rooms[0]], "host", chat(rooms[0], "first"))]
            await lock.truth.holds_back(1, "UPDATE game_states")
            # The connection is busy with the first one's commit; these two wait, and go together.
            said += [
                table.deliver(epochs[room], "host", chat(room, "later"))
                for table, room in zip(mine[1:], rooms[1:], strict=True)
            ]
            await until(lambda: all(table.host.held_up_s > 0 for table in mine), "all commits are under way")
            await lock.release()
            answers = await asyncio.gather(*said)
        assert all(isinstance(answer, Committed) for answer in answers)
        connection = await asyncpg.connect(database_url, ssl=False)
        first, second, third = [await connection.fetchval(XMIN, room) for room in rooms]
        await connection.close()
        assert first != second == third


async def test_a_batch_that_is_refused_is_so_alone(node: PoolerNode, database_url: str) -> None:
    async with connected(database_url) as direct, node.actor() as one, node.actor() as other:
        rooms = [await open_room(direct) for _ in range(3)]
        epochs = [await _owned(direct, room) for room in rooms]
        await commit(other.lane(), *_batch(rooms[2], epochs[2], 1, "given before"))
        async with Lock(database_url, rooms[0]) as lock:
            under_way = asyncio.create_task(commit(one.lane(), *_batch(rooms[0], epochs[0], 1, "x")))
            await lock.truth.holds_back(1, "UPDATE game_states")
            good = asyncio.create_task(commit(one.lane(), *_batch(rooms[1], epochs[1], 1, "y")))
            bad = asyncio.create_task(commit(other.lane(), *_batch(rooms[2], epochs[2], 2, "given before")))
            fenced = asyncio.create_task(commit(other.lane(), *_batch(rooms[2], epochs[2] - 1, 2, "z")))
            await asyncio.sleep(0)
            await lock.release()
            assert await under_way == {rooms[0]}
            assert await good == {rooms[1]}
            with pytest.raises(Conflict):
                await bad
            assert await fenced == set()
        assert [row["command_id"] for row in await log_of(direct, rooms[2])] == ["given before"]


async def test_the_pooler_is_killed_in_the_middle_of_a_commit(node: PoolerNode, database_url: str) -> None:
    async with connected(database_url) as direct, node.actor() as database, hosting(database, "a") as table:
        room = await open_room(direct)
        epoch = await place(direct, room)
        await table.does(epoch, "host", chat(room, "before"))
        [first] = node.poolers()
        async with Lock(database_url, room) as lock:
            said = table.deliver(epoch, "host", chat(room, "under way"))
            await lock.truth.holds_back(1, "UPDATE game_states")
            kill(first.pid)
            await lock.truth.holds_back(2, "")  # The next pooler asks what became of it.
            await lock.release()
            assert isinstance(await said, Committed)
        [second] = node.poolers()
        assert second.pid != first.pid
        assert (await stored(direct, room))["epoch"] > epoch
        await table.does(epoch, "host", chat(room, "after"))
        assert [row["command_id"] for row in await log_of(direct, room)] == ["before", "under way", "after"]


async def test_the_pooler_stands_still(node: PoolerNode, database_url: str) -> None:
    async with connected(database_url) as direct, node.actor() as database, hosting(database, "a") as table:
        room = await open_room(direct)
        epoch = await place(direct, room)
        await table.does(epoch, "host", chat(room, "before"))
        [first] = node.poolers()
        first.suspend()
        await table.does(epoch, "host", chat(room, "meanwhile"))
        assert {process.pid for process in node.poolers()} > {first.pid}
        first.resume()
        await table.does(epoch, "host", chat(room, "after"))
        assert [row["command_id"] for row in await log_of(direct, room)] == ["before", "meanwhile", "after"]


async def test_twenty_actors_have_one_connection(node: PoolerNode, database_url: str) -> None:
    async with connected(database_url) as direct, AsyncExitStack() as stack:
        rooms = [await open_room(direct) for _ in range(45)]
        actors = [await stack.enter_async_context(node.actor()) for _ in rooms]
        for _ in range(3):
            found = await asyncio.gather(
                *(actor.row("load_room", rooms=[room]) for actor, room in zip(actors, rooms, strict=True))
            )
            assert [row["id"] for row in found if row is not None] == rooms
        [pooler] = node.poolers()
        ports = {each.laddr.port for each in pooler.net_connections("tcp")}
        assert len(ports) == len(actors) // server.ACTORS_A_CONNECTION == 2


async def test_signs_of_life_are_gathered(node: PoolerNode, database_url: str) -> None:
    async with AsyncExitStack() as stack:
        names = ["a", "b", "nobody"]
        actors = {name: await stack.enter_async_context(node.actor()) for name in names}
        for name in names[:2]:
            await stack.enter_async_context(hosting(actors[name], name))
        found = await asyncio.gather(*(actors[name].row("beat_actor", name=name, measured=None) for name in names))
        assert [None if row is None else row["name"] for row in found] == ["a", "b", None]
        connection = await asyncpg.connect(database_url, ssl=False)
        seen = {row["xmin"] for row in await connection.fetch("SELECT xmin::text FROM room_actors")}
        await connection.close()
        assert len(seen) == 1


async def test_it_ends_with_the_raylet(node: PoolerNode) -> None:
    async with node.actor() as database:
        assert await database.row("ping") is not None
        assert len(node.poolers()) == 1
        node.raylet.kill()
        await until(lambda: not node.poolers(), "it has ended")


async def test_postgres_cannot_be_reached() -> None:
    with pooler_node("postgresql://nobody@127.0.0.1:1/none") as node:
        async with node.actor() as database:
            with pytest.raises(StorageUnavailable) as error:
                await database.row("ping")
            assert (error.value.unknown, error.value.full) == (False, False)


async def _owned(database: Any, room: str) -> int:
    await database.rows("raise_epochs", rooms=[room], epochs=[0])
    return int((await stored(database, room))["epoch"])  # type: ignore[arg-type]


def _batch(room: str, epoch: int, seq: int, command: str) -> tuple[list[StateRow], list[LogRow], Records]:
    blank: dict[Any, Any] = {str: "{}", int: 0, bytes: b"e" * 32, str | None: None, int | None: None, bytes | None: b""}
    ours = {"room_id": room, "seq": seq, "user_id": "host", "command_id": command, "at": seq}
    ours["key"] = command_key(room, "host", command)
    row = LogRow(**{name: blank[kind] for name, kind in get_type_hints(LogRow).items()} | ours)
    return [StateRow(room, epoch, seq - 1, seq, "{}", seq)], [row], Records()
