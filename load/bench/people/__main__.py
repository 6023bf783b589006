"""The bytes that connections take in Redis, and the costs of a connect, of a disconnect and of asking, for some edges
in this one process. Their rooms are told by a stand-in for Postgres."""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, cast

import structlog
import uvloop
from redis.asyncio import Redis

from tavola.actors.wire.commands import RoomId, UserId
from tavola.edge.people.manager import ConnectionManager
from tavola.edge.people.structs import ConnectionStats
from tavola.stack.embedded_redis import EmbeddedRedis
from tavola.storage.postgres import Database
from tavola.storage.sealing import Opener, Sealer

A_ROOM = 6
ASKED = 500
WITHIN_S = 300.0


class _NamedSocket(NamedTuple):
    id: str


class _PlayedRooms:
    """Every room is being played in, by those who are there."""

    async def rows(self, query: str, *, rooms: Sequence[str]) -> list[dict[str, Any]]:
        assert query == "sessions"
        row = {"players": [f"u_{n:016x}" for n in range(A_ROOM)], "spectators": [], "status": "playing"}
        return [{**row, "id": room, "created_at": 1, "active_at": 1} for room in rooms]


Manager = ConnectionManager[_NamedSocket]


class _Costs(NamedTuple):
    """Seconds of processor so far: of this process, and of Redis; and the bytes that Redis has."""

    edges_s: float
    redis_s: float
    bytes: int


async def _costs(kept: Redis) -> _Costs:
    info: dict[str, Any] = await kept.info()
    return _Costs(time.process_time(), info["used_cpu_user"] + info["used_cpu_sys"], info["used_memory"])


@asynccontextmanager
async def _edges(url: str, count: int) -> AsyncIterator[list[tuple[Manager, asyncio.Task[None]]]]:
    key = os.urandom(32)
    database = cast(Database, _PlayedRooms())
    managers = [Manager(f"edge{n:012}", database, url, Sealer(key), Opener([key])) for n in range(count)]
    running = [(each, asyncio.create_task(each.run())) for each in managers]
    try:
        while not all(each.link.up for each in managers):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        yield running
    finally:
        for _, task in running:
            await _end(task)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


class _Turns:
    """The longest turn of this process's loop while it is looked at: as others had to wait, which a busy machine makes
    longer, and in processor time."""

    def __init__(self) -> None:
        self.waited_s = self.worked_s = 0.0

    async def look(self) -> None:
        while True:
            began, worked = time.perf_counter(), time.process_time()
            await asyncio.sleep(0.001)
            self.waited_s = max(self.waited_s, time.perf_counter() - began - 0.001)
            self.worked_s = max(self.worked_s, time.process_time() - worked)


async def _until(asking: Callable[[], Awaitable[ConnectionStats]], holds: Callable[[ConnectionStats], bool]) -> float:
    """Seconds until it holds."""
    began = time.monotonic()
    async with asyncio.timeout(WITHIN_S):
        while not holds(await asking()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return time.monotonic() - began


def _put(what: str, value: float, unit: str) -> None:
    print(f"{what:60}{value:12,.1f} {unit}", flush=True)


def _each(what: str, before: _Costs, after: _Costs, count: int) -> None:
    _put(f"a {what}: edge", (after.edges_s - before.edges_s) / count * 1e6, "µs of processor")
    _put(f"a {what}: Redis", (after.redis_s - before.redis_s) / count * 1e6, "µs of processor")


async def _asked(what: str, ask: Callable[[], Awaitable[object]], kept: Redis) -> None:
    before, took = await _costs(kept), []
    for _ in range(ASKED):
        began = time.perf_counter()
        await ask()
        took.append(time.perf_counter() - began)
    _put(f"{what}, p50", sorted(took)[ASKED // 2] * 1e3, "ms")
    _put(f"{what}, p99", sorted(took)[ASKED * 99 // 100] * 1e3, "ms")
    _put(f"{what}: Redis", ((await _costs(kept)).redis_s - before.redis_s) / ASKED * 1e6, "µs of processor")


async def measure(url: str, connections: int, edges: int) -> None:
    rooms = -(-connections // A_ROOM)
    async with Redis.from_url(url) as kept, _edges(url, edges) as running:
        managers = [each for each, _ in running]
        asking = managers[0].stats
        sockets = [
            (UserId(f"u_{n:016x}"), RoomId(f"r_{n // A_ROOM:016x}"), _NamedSocket(f"{n}")) for n in range(connections)
        ]
        before = await _costs(kept)
        for n, (user, room, socket) in enumerate(sockets):
            managers[n % edges].connect(user, socket)
            managers[n % edges].join_game(user, room, socket)
            managers[n % edges].stands(user, room, True)
            if n % 200 == 199:
                await asyncio.sleep(0)

        def complete(stats: ConnectionStats) -> bool:
            found = (stats.online_users, stats.active_games, stats.connections)
            return not stats.partial and found == (connections, rooms, connections)

        await _until(asking, complete)
        after = await _costs(kept)
        print(f"{connections:,} connections, {A_ROOM} a room, on {edges} edges")
        _put(
            "memory of Redis, a connection with its part in a room", (after.bytes - before.bytes) / connections, "bytes"
        )
        _each("connect that joins a room", before, after, connections)
        await _asked("stats", asking, kept)
        await _asked("online_players of a room", lambda: managers[0].online_players(sockets[0][1]), kept)
        turns = _Turns()
        looking = asyncio.create_task(turns.look())
        before = await _costs(kept)
        await kept.flushall()
        _put("Redis emptied, all of it there again", await _until(asking, complete), "s")
        await _end(looking)
        _put("meanwhile: the longest turn of the loop", turns.waited_s * 1e3, "ms")
        _put("meanwhile: the longest turn of the loop", turns.worked_s * 1e3, "ms of processor")
        _each("connection written again", before, await _costs(kept), connections)
        dead, task = running[-1]
        left = connections - len(dead.users)
        await _end(task)

        def swept(stats: ConnectionStats) -> bool:
            return stats.online_users == left == stats.connections

        _put(f"an edge killed with {len(dead.users):,}, nothing left of it", await _until(asking, swept), "s")
        before = await _costs(kept)
        for n, (user, _, socket) in enumerate(sockets):
            managers[n % edges].disconnect(user, socket)
            if n % 200 == 199:
                await asyncio.sleep(0)
        await _until(asking, lambda stats: not stats.online_users and not stats.active_games and not stats.connections)
        _each("disconnect", before, await _costs(kept), left)


async def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tavola.load.bench.people", description=__doc__)
    options.add_argument("--connections", type=int, default=100_000)
    options.add_argument("--edges", type=int, default=4)
    asked = options.parse_args()
    structlog.configure(processors=[_silent])
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedRedis(Path(folder))
        try:
            await measure(await server.start(), asked.connections, asked.edges)
        finally:
            await server.stop()


def _silent(logger: object, name: str, event: Any) -> Any:
    raise structlog.DropEvent


if __name__ == "__main__":
    uvloop.run(main())
