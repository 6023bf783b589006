"""The price of retention for a move:

    python tests/integration/measure_retention.py [ROWS] [ROWS OF THE ROOM] [FOLDER] [MOUNTED AT]

On a Postgres of its own, as `tavola dev` starts it, as many tables as the deployment of the figures has play at a
human pace: now in a database whose log is empty; now in one that has days of ROWS (20 million) updates each; now there
while such a day is dropped; a few times in turn, and at last while a closed room of 2 million updates is removed. A
move is timed from when it was due. With FOLDER the first call fills it, which takes a while, the second measures. If
that is on a disk of its own, MOUNTED AT, days are dropped in turn with files trimmed at once (`discard`) and not.
"""

from __future__ import annotations

import asyncio
import heapq
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import asyncpg
import uvloop

from kit.hosts import Table, connected, hosting, open_room, place
from kit.rooms import START_MS
from tavola.actors.upkeep.removal import Removal
from tavola.actors.upkeep.retention import DAY_MS, Retention
from tavola.actors.wire.commands import Chat, CloseRoom, Epoch, RoomId
from tavola.config.settings import Settings
from tavola.stack.embedded_postgres import EmbeddedPostgres
from tavola.storage.migrate import migrate
from tavola.storage.postgres import Database

ROOMS = 1000
A_SECOND = 333
"""Moves: one in three seconds in each room."""
SECONDS = 20.0
TIMES = 4
"""Each is measured so often, and so many days are dropped."""
TRIMMED = ("discard", "nodiscard")
BODY = 300
"""Bytes of an update, about as a move of hold'em has."""
MANY = 1_000_000
DATABASES = ("nothing", "everything")
LOOK_S = 0.02
"""How often it is looked what Postgres's sessions wait for while something is done."""
FIRST_DAY = START_MS // DAY_MS - 40
SESSIONS = """
SELECT coalesce(wait_event_type || ':' || wait_event, 'at work') AS at,
       CASE WHEN query ~ 'drop_log_day|detach_log_day|remove_' THEN 'clearing' ELSE backend_type END AS who
FROM pg_stat_activity WHERE state IS DISTINCT FROM 'idle' AND pid <> pg_backend_pid() AND backend_type <> 'walwriter'
  AND coalesce(wait_event_type, '') NOT IN ('Activity', 'Client')
"""


class Play:
    """Tables that play, and how long each move took (ms), by when it was due."""

    def __init__(self, table: Table, url: str, rooms: list[tuple[RoomId, Epoch]]) -> None:
        self._table = table
        self._url = url
        self._rooms = rooms
        self._number = 0
        self._chance = random.Random(1)
        self._stopped = False

    async def measure(self, seconds: float, meanwhile: Callable[[], Awaitable[None]] | None = None) -> Took:
        """For so long, or as long as `meanwhile` takes, which begins after two seconds."""
        took = Took()
        began = time.perf_counter()
        playing = asyncio.create_task(self._play(took.moves))
        await asyncio.sleep(2.0)
        took.since = time.perf_counter()
        if meanwhile is not None:
            looking = asyncio.create_task(waits(self._url, took.seen))
            await meanwhile()
            looking.cancel()
            await asyncio.wait((looking,))
        took.until = time.perf_counter()
        await asyncio.sleep(max(1.0, seconds - (time.perf_counter() - began)))
        self._stopped = True
        await playing
        return took

    async def _play(self, moves: list[tuple[float, float]]) -> None:
        """Each room moves again and again, whatever the last move takes, until `_stopped`; which is next is drawn."""
        self._stopped, now = False, time.perf_counter()
        every = len(self._rooms) / A_SECOND
        due = [(now + self._chance.random() * every, index) for index in range(len(self._rooms))]
        heapq.heapify(due)
        async with asyncio.TaskGroup() as tasks:
            while not self._stopped:
                at, index = heapq.heappop(due)
                await asyncio.sleep(at - time.perf_counter())
                tasks.create_task(self._move(*self._rooms[index], at, moves))
                heapq.heappush(due, (at + every * (0.5 + self._chance.random()), index))

    async def _move(self, room: RoomId, epoch: Epoch, due: float, moves: list[tuple[float, float]]) -> None:
        self._number += 1
        said = Chat(id=f"{room} {self._number}", room=room, text="as long as most of what is said is")
        await self._table.does(epoch, "host", said)
        moves.append((due, (time.perf_counter() - due) * 1000))


class Took:
    """The moves that were measured, and from when until when something was done meanwhile."""

    def __init__(self) -> None:
        self.moves: list[tuple[float, float]] = []
        self.since = self.until = 0.0
        self.seen: Counter[str] = Counter()

    @property
    def all(self) -> list[float]:
        return [ms for _, ms in self.moves]

    @property
    def meanwhile(self) -> list[float]:
        return [ms for due, ms in self.moves if self.since <= due <= self.until]


def told(name: str, took: list[float], against: float | None = None) -> float:
    """The p99, after it was printed with the others."""
    if len(took) < 2:
        return 0.0
    p99 = statistics.quantiles(took, n=100)[98]
    compared = f" ({(p99 / against - 1) * 100:+.0f} %)" if against else ""
    print(
        f"{name:44} {len(took):6} moves: p50 {statistics.median(took):5.2f} ms, p99 {p99:5.2f} ms{compared}, "
        f"longest {max(took):6.1f} ms",
        flush=True,
    )
    return p99


async def waits(url: str, seen: Counter[str]) -> None:
    """Counts what sessions wait for, until cancelled."""
    connection = await asyncpg.connect(url, ssl=False)
    try:
        while True:
            seen.update(["looks", *(f"{row['who']} {row['at']}" for row in await connection.fetch(SESSIONS))])
            await asyncio.sleep(LOOK_S)
    finally:
        await connection.close()


async def fill(truth: Any, into: str, room: str | None, rows: int, at: int) -> None:
    """Updates of one room, or of a thousand, from that moment on, all within half a day."""
    since = time.perf_counter()
    for first in range(1, rows + 1, MANY):
        last = min(rows, first + MANY - 1)
        await truth.execute(
            f"INSERT INTO {into} (seq, epoch, at, room_id, user_id, command_id, entropy, body) "
            "SELECT CASE WHEN $1::text IS NULL THEN n / 1000 ELSE n END, 1, $2 + n % 43200000, "
            "coalesce($1, 'r_f' || lpad(to_hex(n % 1000), 15, '0')), 'u_0123456789abcdef', 'command ' || n, '', "
            f"decode(repeat(md5(n::text), {BODY // 16}), 'hex') FROM generate_series($3::bigint, $4::bigint) n",
            room, at, first, last,
        )  # fmt: skip
    print(f"{rows:,} rows written in {time.perf_counter() - since:.0f} s", flush=True)


async def prepared(server: EmbeddedPostgres, rows: int) -> None:
    """Two databases, in one of which the log has days that will be dropped, as they are a month later: vacuumed."""
    for name in DATABASES:
        await _sql(server, "postgres", f"CREATE DATABASE {name}")
        await migrate(url_of(server, name))
        today = datetime.fromtimestamp(START_MS / 1000, UTC).date()
        await _sql(server, name, f"SELECT make_log_days('{today}', '{today}')")
    connection = await asyncpg.connect(url_of(server, DATABASES[1]), ssl=False)
    await connection.execute("SET synchronous_commit = off")
    for number in range(TIMES):
        day = FIRST_DAY + number
        date = datetime.fromtimestamp(day * DAY_MS / 1000, UTC).date()
        await connection.execute(f"SELECT make_log_days('{date}', '{date}')")
        await fill(connection, f"log_{date:%Y%m%d}", None, rows, day * DAY_MS)
        await connection.execute(f"VACUUM (FREEZE, ANALYZE) log_{date:%Y%m%d}")
    await connection.execute("CHECKPOINT")
    await connection.close()


def out_of_memory(folder: Path) -> None:
    """Nobody has had a day in memory for a month when it goes: the kernel forgets what it has of the databases."""
    os.sync()
    for path in folder.rglob("base/*/*"):
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


async def players(url: str, database: Database, table: Table) -> Play:
    rooms = []
    for _ in range(ROOMS):
        await database.rows("beat_actor", name=table.name, measured=None)
        room = await open_room(database)
        rooms.append((room, await place(database, room)))
    play = Play(table, url, rooms)
    await play.measure(5.0)
    return play


async def measured(server: EmbeddedPostgres, of_one: int, disk: str) -> None:
    urls = [url_of(server, name) for name in DATABASES]
    async with (
        connected(urls[0]) as empty,
        connected(urls[1]) as full,
        hosting(empty, "a", capacity=ROOMS + 1) as there,
        hosting(full, "a", capacity=ROOMS + 1) as here,
    ):
        nothing, play = await players(urls[0], empty, there), await players(urls[1], full, here)
        out_of_memory(server.folder)
        truth = await asyncpg.connect(urls[1], ssl=False)
        ways = TRIMMED if disk else ("",)
        took: dict[str, list[float]] = defaultdict(list)
        seen: Counter[str] = Counter()
        seconds: list[float] = []
        for number in range(TIMES):
            way = ways[number % len(ways)]
            if disk:
                mounting = await asyncio.create_subprocess_exec("mount", "-o", f"remount,{way}", disk)
                assert await mounting.wait() == 0
            took["empty"] += (await nothing.measure(SECONDS)).all
            took["full"] += (await play.measure(SECONDS)).all
            dropped = await play.measure(SECONDS, lambda number=number: drop(full, number, seconds))  # type: ignore[misc]
            took[f"around {way}"] += dropped.all
            took[f"while {way}"] += dropped.meanwhile
            seen += dropped.seen
        against = told("an empty log", took["empty"])
        told("days of so many updates, and nothing done", took["full"], against)
        for way in ways:
            told(f"{SECONDS:.0f} s in which one is dropped {way}", took[f"around {way}"], against)
            told("from when that begins until it is done", took[f"while {way}"], against)
        print(f"each took {', '.join(f'{each:.2f}' for each in seconds)} s; {shown(seen)}", flush=True)
        await removed(full, here, play, truth, of_one, against)
        await truth.close()


async def drop(database: Database, number: int, seconds: list[float]) -> None:
    """A round, when that day is older than what is kept."""
    now = (FIRST_DAY + number + 31) * DAY_MS
    since = time.perf_counter()
    await Retention(Settings(), database, lambda: now).round()
    seconds.append(time.perf_counter() - since)


async def removed(database: Database, table: Table, play: Play, truth: Any, rows: int, against: float) -> None:
    await database.rows("beat_actor", name="a", measured=None)
    room = await open_room(database)
    await table.does(await place(database, room), "host", CloseRoom(id="close", room=room))
    await truth.execute("DELETE FROM log WHERE room_id = $1", room)
    await truth.execute("UPDATE game_states SET seq = $2 WHERE room_id = $1", room, rows)
    await fill(truth, "log", room, rows, table.time.ms // DAY_MS * DAY_MS)
    await truth.execute("VACUUM (ANALYZE) log")
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

    took = await play.measure(SECONDS, remove)
    told("while a room is removed", took.meanwhile, against)
    left = await truth.fetchval("SELECT count(*) FROM log WHERE room_id = $1", room)
    print(
        f"answered in {asked * 1000:.0f} ms; its {rows:,} updates were gone in {seconds:.1f} s ({left} left), in "
        f"{removal.pace.batches} batches, the longest {removal.pace.longest * 1000:.0f} ms; {shown(took.seen)}"
    )


def shown(seen: Counter[str]) -> str:
    total = max(1, seen.pop("looks", 0))
    return "sessions: " + ", ".join(f"{what} {count / total:.2f}" for what, count in seen.most_common(8))


async def _sql(server: EmbeddedPostgres, database: str, statement: str) -> None:
    connection = await asyncpg.connect(url_of(server, database), ssl=False)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def url_of(server: EmbeddedPostgres, database: str) -> str:
    return f"{server.superuser_url.rpartition('/')[0]}/{database}"


async def main(words: list[str]) -> None:
    kept = Path(words[2]) if len(words) > 2 else None
    disk = words[3] if len(words) > 3 else ""
    rows, of_one = [*(int(word.replace("_", "")) for word in words[:2]), *(20_000_000, 2_000_000)[len(words) :]][:2]
    folder = kept or Path(tempfile.mkdtemp(prefix="tavola-retention-"))
    filled = folder.exists() and any(folder.iterdir())
    server = EmbeddedPostgres(folder)
    try:
        await server.start()
        if not filled:
            await prepared(server, rows)
        if filled or kept is None:
            await measured(server, of_one, disk)
    finally:
        await server.stop()
        if filled or kept is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:]))
