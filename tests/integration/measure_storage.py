"""Measures Postgres' part in one move and in one room at rest: from a command to its answer in the actor's host, and
from the first question about a room to its answer, the room read with its last updates and compared with its log.

    python tests/integration/measure_storage.py [TIMES]

A PostgreSQL of its own, hold'em at tables of six, one thing after the other.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from kit.hosts import chat, connected, hosting, open_room, place
from tavola.load.measure.stats import Histogram
from tavola.stack.embedded_postgres import EmbeddedPostgres
from tavola.storage.migrate import migrate

TIMES = 500
UPDATES = 64
"""In the log of each room that is loaded: as many as an actor keeps answers of."""


async def main(folder: Path, times: int) -> None:
    async with EmbeddedPostgres(folder / "postgres") as url:
        await migrate(url)
        await measure(url, times)


async def measure(url: str, times: int) -> None:
    commits, loads = Histogram(), Histogram()

    async def timed(histogram: Histogram, work: Callable[[], Awaitable[object]]) -> None:
        began = time.perf_counter()
        await work()
        histogram.record(time.perf_counter() - began)

    async with connected(url) as database:
        async with hosting(database, "first", capacity=times) as first:
            rooms = [await open_room(database, "holdem") for _ in range(max(1, times // 10))]
            epochs = {room: await place(database, room) for room in rooms}
            for number in range(UPDATES):
                for room in rooms:
                    said = chat(room, f"say {number}")
                    await timed(commits, lambda said=said, room=room: first.does(epochs[room], "host", said))  # type: ignore[misc]
        async with hosting(database, "second", capacity=times) as second:
            for room in rooms:
                epoch = await place(database, room, avoid="first")
                await timed(loads, lambda room=room, epoch=epoch: second.look(epoch, "host", room))  # type: ignore[misc]
    for name, histogram in (("a commit", commits), ("a room loaded", loads)):
        found = histogram.percentiles()
        print(f"{name}: p50 {found.p50:.2f}, p99 {found.p99:.2f}, max {found.max:.2f} ms of {found.count:,}")


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o711)  # Postgres runs as another user when we are root
        uvloop.run(main(Path(made), int(sys.argv[1]) if len(sys.argv) > 1 else TIMES))
