"""The price of finding lost messages, at rest, and how long one takes to be found:

    python tests/integration/measure_repair.py [ROOMS] [SECONDS]

An edge follows ROOMS (20,000) rooms of ten actors and nobody plays. In turn, twice each: the database is asked, as it
is while no actor tells (releases before), and actors tell. The processor's time of the edge's process and of Postgres,
less what each takes with nobody following. Then rooms change of which Redis says nothing, and it is timed when the edge
shows it. Actors are in another process.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import psutil
import uvloop

from kit.edges import Edge, NoCluster, actor, edge, execute
from kit.followers import Sink, follower
from kit.hosts import chat, connected, open_room
from tavola.actors.cluster.directory import Directory
from tavola.actors.wire.commands import Epoch, RoomId, Seq
from tavola.actors.wire.messages import Activate, Ok
from tavola.config import logs
from tavola.stack.embedded_postgres import EmbeddedPostgres
from tavola.stack.embedded_redis import EmbeddedRedis
from tavola.storage.migrate import migrate
from tavola.storage.postgres import Database

ACTORS = 10
AT_ONCE = 50
LOST = 40
TIMES = 2
SETTLED_S = 3.0
"""After so long every room has been looked at once the one way or the other."""


async def actors(url: str, requests: Any, rooms: int) -> None:
    """Until it is told to end, does in one of its rooms what it is told to."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(connected(url, most=4))
        hosts = {f"a{n}": await stack.enter_async_context(actor(database, f"a{n}")) for n in range(ACTORS)}
        beating = asyncio.create_task(_beats(database, list(hosts)))
        await execute(database, "UPDATE room_actors SET capacity = $1", rooms)
        requests.send("ready")
        number = 0
        while (asked := await asyncio.to_thread(requests.recv)) is not None:
            name, room, epoch = asked
            number += 1
            await hosts[name].table.does(epoch, "host", chat(room, f"unheard {number}"))
            requests.send(time.monotonic())
        beating.cancel()


async def _beats(database: Database, names: list[str]) -> None:
    while True:
        for name in names:
            await database.rows("beat_actor", name=name, measured=None)
        await asyncio.sleep(2.0)


def _actors(url: str, requests: Any, rooms: int) -> None:
    logs.configure("actor", "text", "error")
    uvloop.run(actors(url, requests, rooms))


class Spent:
    """Processor seconds: of this process, and of each of Postgres's."""

    def __init__(self, postgres: psutil.Process) -> None:
        self.edge = time.process_time()
        self.database = {}
        for process in (postgres, *postgres.children()):
            times = process.cpu_times()
            self.database[process.pid] = times.user + times.system

    def since(self, before: Spent) -> tuple[float, float]:
        """Of processes that have ended meanwhile nothing is known."""
        spent = (at - before.database.get(pid, 0.0) for pid, at in self.database.items())
        return self.edge - before.edge, sum(spent)


async def at_rest(postgres: psutil.Process, seconds: float, name: str) -> None:
    before = Spent(postgres)
    await asyncio.sleep(seconds)
    edge_s, database_s = Spent(postgres).since(before)
    share = 100 / seconds
    print(
        f"{name:34} edge {edge_s * share:5.2f} %, Postgres {database_s * share:5.2f} % of a core",
        flush=True,
    )


async def found(here: Edge, rooms: list[tuple[RoomId, str, Epoch, Sink]], requests: Any, name: str) -> None:
    """How long it takes until the edge shows what it was not told."""
    took: list[float] = []
    for room, actor_name, epoch, sink in rooms:
        before = sink.seqs[-1] if sink.seqs else 0
        requests.send((actor_name, room, epoch))
        committed = await asyncio.to_thread(requests.recv)
        await sink.has(Seq(before + 1))
        took.append(time.monotonic() - committed)
    print(
        f"{name:34} shown {statistics.median(took) * 1000:5.0f} ms after its commit (median of {len(took)}), "
        f"longest {max(took) * 1000:5.0f} ms",
        flush=True,
    )


async def opened(database: Database, here: Edge, count: int) -> list[tuple[RoomId, str, Epoch, Sink]]:
    """Rooms that are placed, loaded and followed."""
    directory = Directory(database, NoCluster())
    rooms: list[tuple[RoomId, str, Epoch, Sink]] = []
    gate = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with gate:
            room = await open_room(database)
            place = await directory.find(room)
            answer = await here.router.ask(room, lambda at: Activate(at, room))
            assert isinstance(answer, Ok), answer
            watcher, sink = follower("host")
            await here.fanout.begin(watcher, room)
            here.fanout.place(watcher, room, Seq(0), Epoch(0), "outside", has_part=False)
            rooms.append((room, place.actor, place.epoch, sink))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(count):
            tasks.create_task(one())
    return rooms


async def measured(url: str, redis_url: str, postgres: psutil.Process, count: int, seconds: float, pipe: Any) -> None:
    await asyncio.to_thread(pipe.recv)
    async with connected(url, most=8) as database, edge(database, redis_url, older=True) as here:
        ways: dict[str, Callable[[RoomId], bool]] = {
            "the database is asked": lambda _: False,
            "actors tell": here.router.told_of,
        }
        await at_rest(postgres, seconds, "nobody follows")
        rooms = await opened(database, here, count)
        print(f"{count:,} rooms followed", flush=True)
        for turn in range(TIMES):
            for name, way in ways.items():
                here.told_of = way
                await asyncio.sleep(SETTLED_S)
                await at_rest(postgres, seconds, name)
                await found(here, rooms[turn * LOST :: max(1, count // LOST)][:LOST], pipe, name)


async def main(words: list[str]) -> None:
    count, seconds = [*map(float, words), *(20_000, 20.0)[len(words) :]][:2]
    logs.configure("edge", "text", "error")
    with tempfile.TemporaryDirectory(prefix="tavola-repair-") as folder:
        server, redis = EmbeddedPostgres(Path(folder) / "postgres"), EmbeddedRedis(Path(folder) / "redis")
        try:
            url, redis_url = await server.start(), await redis.start()
            await migrate(url)
            here, there = multiprocessing.get_context("spawn").Pipe()
            process = multiprocessing.get_context("spawn").Process(target=_actors, args=(url, there, int(count)))
            process.start()
            pid = int((server.data / "postmaster.pid").read_text().split()[0])
            await measured(url, redis_url, psutil.Process(pid), int(count), seconds, here)
            here.send(None)
            process.join()
        finally:
            await redis.stop()
            await server.stop()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:]))
