"""The price of retention for a move: `python tests/integration/measure_retention.py [ROWS] [ROWS OF THE REMOVED ROOM]`.

On a Postgres of its own, as `tavola dev` starts it, a few tables play while nothing else is done, then while a day of
the log with ROWS (20 million) updates is dropped, and while a closed room with 2 million is removed.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import asyncpg

from kit.hosts import Table, connected, hosting, open_room, place
from tavola.actors.cluster.removal import Removal
from tavola.actors.cluster.retention import DAY_MS, Retention
from tavola.actors.wire.commands import Chat, CloseRoom, Epoch, RoomId
from tavola.config.settings import Settings
from tavola.stack.embedded_postgres import EmbeddedPostgres
from tavola.storage.migrate import migrate
from tavola.storage.postgres import Database

ROOMS = 8
EVERY_S = 0.02
"""Each room moves so often: 400 moves a second."""
SECONDS = 30.0
BODY = 300
"""Bytes of an update, about as a move of hold'em has."""
MANY = 1_000_000


class Play:
    """Tables that play, and how long each move took (ms)."""

    def __init__(self, table: Table, rooms: list[tuple[RoomId, Epoch]]) -> None:
        self._table = table
        self._rooms = rooms
        self._number = 0

    async def measure(self, seconds: float, meanwhile: Callable[[], Awaitable[None]] | None = None) -> list[float]:
        """For so long, or as long as `meanwhile` takes, which begins after a second."""
        took: list[float] = []
        stop = asyncio.Event()

        async def one(room: RoomId, epoch: Epoch) -> None:
            while not stop.is_set():
                self._number += 1
                said = Chat(id=f"{room} {self._number}", room=room, text="as long as most of what is said is")
                since = time.perf_counter()
                await self._table.does(epoch, "host", said)
                took.append((time.perf_counter() - since) * 1000)
                await asyncio.sleep(max(0.0, EVERY_S - (time.perf_counter() - since)))

        playing = [asyncio.create_task(one(*room)) for room in self._rooms]
        began = time.perf_counter()
        await asyncio.sleep(1.0)
        if meanwhile is not None:
            await meanwhile()
        await asyncio.sleep(max(1.0, seconds - (time.perf_counter() - began)))
        stop.set()
        await asyncio.gather(*playing)
        return took


def told(name: str, took: list[float]) -> float:
    """The p99, after it was printed with the others."""
    p99 = statistics.quantiles(took, n=100)[98]
    print(
        f"{name:44} {len(took):6} moves: p50 {statistics.median(took):5.2f} ms, p99 {p99:5.2f} ms, "
        f"longest {max(took):6.1f} ms",
        flush=True,
    )
    return p99


async def fill(truth: Any, room: str | None, rows: int, at: int) -> None:
    """Updates of one room, or of a thousand, from that moment on, all within half a day."""
    since = time.perf_counter()
    for first in range(1, rows + 1, MANY):
        last = min(rows, first + MANY - 1)
        await truth.execute(
            "INSERT INTO log (seq, epoch, at, room_id, user_id, command_id, entropy, body) "
            "SELECT CASE WHEN $1::text IS NULL THEN n / 1000 ELSE n END, 1, $2 + n % 43200000, "
            "coalesce($1, 'r_' || lpad(to_hex(n % 1000), 16, 'f')), 'u_0123456789abcdef', 'command ' || n, '', "
            f"decode(repeat(md5(n::text), {BODY // 16}), 'hex') FROM generate_series($3::bigint, $4::bigint) n",
            room, at, first, last,
        )  # fmt: skip
    print(f"{rows:,} rows written in {time.perf_counter() - since:.0f} s", flush=True)


async def measured(url: str, superuser_url: str, rows: int, of_one: int) -> None:
    async with connected(url) as database, hosting(database, "a", capacity=1000) as table:
        truth = await asyncpg.connect(superuser_url.rpartition("/")[0] + "/" + url.rpartition("/")[2], ssl=False)
        await truth.execute("SET synchronous_commit = off")
        rooms = []
        for _ in range(ROOMS):
            room = await open_room(database)
            rooms.append((room, await place(database, room)))
        play = Play(table, rooms)
        await play.measure(5.0)
        empty = told("an empty log", await play.measure(SECONDS))
        now = table.time.ms
        # Log rows are of the host's clock, which stands still here.
        day = now // DAY_MS * DAY_MS - 40 * DAY_MS
        date = datetime.fromtimestamp(day / 1000, UTC).date()
        await database.rows("make_log_days", first=date, last=date)
        await fill(truth, None, rows, day)
        await truth.execute("CHECKPOINT")
        told("as many rows, and nothing done", await play.measure(SECONDS))
        await _dropped(database, play, now, empty)
        await _removed(database, table, play, truth, of_one, empty)
        await truth.close()


async def _dropped(database: Database, play: Play, now: int, empty: float) -> None:
    seconds = 0.0

    async def drop() -> None:
        nonlocal seconds
        since = time.perf_counter()
        await Retention(Settings(), database, lambda: now).round()
        seconds = time.perf_counter() - since

    while_dropped = told("while the day is dropped", await play.measure(SECONDS, drop))
    print(f"the day was dropped in {seconds:.2f} s; p99 {(while_dropped / empty - 1) * 100:+.0f} %", flush=True)


async def _removed(database: Database, table: Table, play: Play, truth: Any, rows: int, empty: float) -> None:
    await database.rows("beat_actor", name="a")
    room = await open_room(database)
    await table.does(await place(database, room), "host", CloseRoom(id="close", room=room))
    await truth.execute("DELETE FROM log WHERE room_id = $1", room)
    await truth.execute("UPDATE game_states SET seq = $2 WHERE room_id = $1", room, rows)
    await fill(truth, room, rows, table.time.ms // DAY_MS * DAY_MS)
    await truth.execute("CHECKPOINT")
    removal = Removal(database, lambda: table.time.ms, archived=False)
    asked = seconds = 0.0

    async def remove() -> None:
        nonlocal asked, seconds
        since = time.perf_counter()
        assert await database.row("ask_removal", room_id=room, at=1) is not None
        asked = time.perf_counter() - since
        await removal.work()
        seconds = time.perf_counter() - since

    while_removed = told("while a room is removed", await play.measure(SECONDS, remove))
    left = await truth.fetchval("SELECT count(*) FROM log WHERE room_id = $1", room)
    print(
        f"answered in {asked * 1000:.0f} ms; its {rows:,} updates were gone in {seconds:.1f} s ({left} left), "
        f"the longest batch {removal.pace.longest * 1000:.0f} ms; p99 {(while_removed / empty - 1) * 100:+.0f} %"
    )


async def main() -> None:
    numbers = [int(word.replace("_", "")) for word in sys.argv[1:]]
    rows, of_one = [*numbers, *(20_000_000, 2_000_000)[len(numbers) :]]
    folder = Path(tempfile.mkdtemp(prefix="tavola-retention-"))
    server = EmbeddedPostgres(folder)
    try:
        url = await server.start()
        await migrate(url)
        await measured(url, server.superuser_url, rows, of_one)
    finally:
        await server.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    asyncio.run(main())
