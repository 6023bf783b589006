"""Measures what the feed asks of Postgres: a look when there is nothing new, and a page, beside so many rooms.

    python tests/integration/measure_feed.py [ROOMS]

A PostgreSQL of its own, rooms of hold'em of which few are played.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import structlog
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from kit.hosts import chat, connected, hosting, open_room, place
from tavola.edge.feed import reader
from tavola.edge.feed.cursor import Cursor
from tavola.load.measure.stats import Histogram
from tavola.stack.embedded_postgres import EmbeddedPostgres
from tavola.storage.migrate import migrate

ROOMS, BUSY, TIMES = 10_000, 50, 40


async def main(folder: Path, rooms: int) -> None:
    async with EmbeddedPostgres(folder / "postgres") as url:
        await migrate(url)
        await measure(url, rooms)


async def measure(url: str, count: int) -> None:
    looks, pages, all_rows = Histogram(), Histogram(), Histogram()

    async with connected(url) as database, AsyncExitStack() as opened:

        async def read(histogram: Histogram, cursor: Cursor) -> reader.FeedRead:
            began = time.perf_counter()
            found = await reader.read(database, cursor, None, 200)
            histogram.record(time.perf_counter() - began)
            return found

        rooms = [await open_room(database, "holdem") for _ in range(count)][-BUSY:]
        table = await opened.enter_async_context(hosting(database, "actor", capacity=1000))
        epochs = {room: await place(database, room) for room in rooms}
        cursor = await reader.newest(database)
        for number in range(TIMES):
            await read(looks, cursor)
            for room in rooms:
                await table.does(epochs[room], "host", chat(room, f"say {number}"))
            found = await read(pages, cursor)
            assert len(found.rows) == BUSY
            cursor = found.cursor
        cursor, told = Cursor(), 0
        while (found := await read(all_rows, cursor)).rows:
            cursor = found.cursor
            told += len(found.rows)
        assert told == BUSY * TIMES
    for name, histogram in (
        ("a look", looks),
        (f"a page of {BUSY} rooms", pages),
        ("a page from the beginning", all_rows),
    ):
        percentiles = histogram.percentiles()
        print(f"{name}: p50 {percentiles.p50:.2f}, p99 {percentiles.p99:.2f} ms of {percentiles.count:,}")


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o711)  # Postgres runs as another user when we are root
        uvloop.run(main(Path(made), int(sys.argv[1]) if len(sys.argv) > 1 else ROOMS))
