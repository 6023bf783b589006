"""The pooler's process. It runs what the actors of its node ask, on one connection for every twenty of them, and
gathers their commits: what waits while one is under way becomes one statement. Fence and log are in SQL as ever.

It keeps nothing. Killed, its actors do not know what became of their commits and find out as they would if Postgres
had gone (`actors/host/commit_writer.py`), by way of the next pooler, which one of them starts.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import assert_never

import msgspec
import structlog
import uvloop

from tavola.config import logs
from tavola.config.collector import relax
from tavola.config.private import demand_us
from tavola.storage.commits import commit
from tavola.storage.pooler.batch import merged, next_batch
from tavola.storage.pooler.wire import (
    Ask,
    Conflicting,
    Ping,
    Pong,
    PoolerAnswer,
    PoolerRequest,
    PoolerStream,
    RoomsWritten,
    RowsFound,
    Together,
    Unavailable,
    Write,
)
from tavola.storage.postgres import COMMAND_TIMEOUT_S, Conflict, Database, PinnedConnection, StorageUnavailable
from tavola.storage.rows import Row

log = structlog.get_logger()

ACTORS_A_CONNECTION = 20
MOST_CONNECTIONS = 16
LOCK_TIMEOUT_MS = 1000
"""A commit that waits for a room's row for so long is given up, and tried again without its neighbours': they would
wait with it."""
LIMIT = 20_000
"""Requests in hand at once; one more is told that storage is away."""
BEATS_S = 0.1
"""Over how long actors' signs of life are gathered."""
IDLE_S = 60.0
"""A pooler at which nobody is ends after so long."""
LOOK_S = 5.0

_decode = msgspec.msgpack.Decoder(list[tuple[int, PoolerRequest]]).decode
Reply = Callable[[PoolerAnswer], None]


class _Job(msgspec.Struct, frozen=True):
    """A question that waits for a connection until `due`."""

    asked: Ask | Together
    reply: Reply
    due: float


class _Batch(msgspec.Struct, frozen=True):
    """A batch of one actor that waits for the next statement until `due`."""

    write: Write
    reply: Reply
    due: float


class Pooler:
    """Runs what is asked on `database`'s connections, of which it takes as many as its clients are worth."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._jobs: deque[_Job] = deque()
        self._writes: deque[_Batch] = deque()
        self._beats: dict[str, tuple[str | None, Reply]] = {}
        self._writing = False
        self._asleep: deque[asyncio.Future[None]] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._clients: set[_ActorsEnd] = set()
        self.empty_since = self._loop.time()

    @property
    def clients(self) -> int:
        return len(self._clients)

    async def listen(self, door: socket.socket) -> asyncio.Server:
        """Let actors in."""
        return await self._loop.create_unix_server(partial(_ActorsEnd, self), sock=door)

    def arrived(self, client: _ActorsEnd) -> None:
        self._clients.add(client)
        self._resize()

    def left(self, client: _ActorsEnd) -> None:
        self._clients.discard(client)
        self.empty_since = self._loop.time()
        self._resize()

    def _wanted(self) -> int:
        return max(1, min(MOST_CONNECTIONS, len(self._clients) // ACTORS_A_CONNECTION))

    def _resize(self) -> None:
        """A worker more, where one is wanted; one too many ends when it wakes."""
        while len(self._workers) < self._wanted():
            worker = self._loop.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._ended)
        if len(self._workers) > self._wanted():
            self._wake()

    def _ended(self, worker: asyncio.Task[None]) -> None:
        """One that failed leaves nobody to answer: the actors are better off with another pooler."""
        self._workers.discard(worker)
        if not worker.cancelled() and (error := worker.exception()) is not None:
            try:
                log.error("pooler.failed", exc_info=error)
            finally:
                os._exit(1)

    def take(self, request: PoolerRequest, reply: Reply) -> None:
        """Do it now or later; `reply` is called once."""
        if isinstance(request, Ping):
            reply(Pong())
        elif len(self._jobs) + len(self._writes) + len(self._beats) >= LIMIT:
            reply(Unavailable("the pooler has too much to do", unknown=False))
        elif isinstance(request, Write):
            self._writes.append(_Batch(request, reply, self._loop.time() + COMMAND_TIMEOUT_S))
            self._wake()
        elif isinstance(request, Ask) and request.query == "beat_actor":
            if not self._beats:
                self._loop.call_later(BEATS_S, self._gather_beats)
            name, measured = request.arguments
            self._beats[name] = measured, reply
        else:
            self._put(request, reply)

    def _put(self, request: Ask | Together, reply: Reply) -> None:
        self._jobs.append(_Job(request, reply, self._loop.time() + COMMAND_TIMEOUT_S))
        self._wake()

    def _gather_beats(self) -> None:
        """One statement for all that beat lately."""
        beats, self._beats = self._beats, {}

        def told(answer: PoolerAnswer) -> None:
            rows: dict[str, list[object]] = {}
            if isinstance(answer, RowsFound):
                at = answer.columns.index("name") if answer.rows else 0
                rows = {row[at]: row for row in answer.rows}
            for name, (_, reply) in beats.items():
                mine = [rows[name]] if name in rows else []
                reply(RowsFound(answer.columns, mine) if isinstance(answer, RowsFound) else answer)

        names = sorted(beats)
        self._put(Ask("beat_actors", [names, [beats[name][0] for name in names]]), told)

    def _wake(self) -> None:
        while self._asleep:
            sleeper = self._asleep.popleft()
            if not sleeper.done():
                sleeper.set_result(None)
                return

    async def _work(self) -> None:
        """The life of a connection, until it is one too many. Commits go first, every second time."""
        lane = self._database.lane()
        first = True
        try:
            if len(self._workers) > 1:
                await self._open(lane)
            while len(self._workers) <= self._wanted():
                if self._writes and not self._writing and (first or not self._jobs):
                    first = False
                    self._writing = True
                    try:
                        await self._write(lane, next_batch(self._writes))
                    finally:
                        self._writing = False
                elif self._jobs:
                    first = True
                    await self._answer(lane, self._jobs.popleft())
                else:
                    sleeper = self._loop.create_future()
                    self._asleep.append(sleeper)
                    await sleeper
        finally:
            await lane.close()
            self._wake()

    async def _open(self, lane: PinnedConnection) -> None:
        """Before it takes anything from the others: Postgres may refuse one connection more."""
        while len(self._workers) <= self._wanted():
            try:
                await lane.open()
                return
            except StorageUnavailable as error:
                log.warning("pooler.narrow", connections=len(self._workers) - 1, reason=str(error))
            await asyncio.sleep(LOOK_S)

    async def _write(self, lane: PinnedConnection, batch: list[_Batch]) -> None:
        batch = [each for each in batch if not self._late(each)]
        if not batch:
            return
        try:
            written = await commit(lane, *merged([each.write for each in batch]))
        except Conflict as error:
            if len(batch) == 1:
                batch[0].reply(Conflicting(error.constraint))
                return
            for each in batch:
                await self._write(lane, [each])
        except StorageUnavailable as error:
            if len(batch) > 1 and not error.unknown and not error.full:
                for each in batch:
                    await self._write(lane, [each])
                return
            for each in batch:
                each.reply(Unavailable(str(error), error.unknown, error.full))
        except Exception as error:
            _failed(error, (each.reply for each in batch))
        else:
            for each in batch:
                each.reply(RoomsWritten([state.room_id for state in each.write.states if state.room_id in written]))

    async def _answer(self, lane: PinnedConnection, job: _Job) -> None:
        if self._late(job):
            return
        try:
            match job.asked:
                case Ask(query, arguments, within_s):
                    rows = await lane.fetch(query, arguments, within_s)
                case Together(steps):
                    rows = await lane.together(steps)
                case _ as never:
                    assert_never(never)
        except Conflict as error:
            job.reply(Conflicting(error.constraint))
        except StorageUnavailable as error:
            job.reply(Unavailable(str(error), error.unknown, error.full))
        except Exception as error:
            _failed(error, [job.reply])
        else:
            job.reply(_found(rows))

    def _late(self, job: _Job | _Batch) -> bool:
        """Whether it has waited for too long, and was told so: nothing was done then."""
        late = self._loop.time() > job.due
        if late:
            job.reply(Unavailable("every connection of the pooler was busy for too long", unknown=False))
        return late


def _found(rows: list[Row]) -> RowsFound:
    return RowsFound(list(rows[0].keys()) if rows else [], [list(row.values()) for row in rows])


def _failed(error: Exception, replies: object) -> None:
    """A mistake of ours must not take the other actors' work with it."""
    log.exception("pooler.failed", exc_info=error)
    for reply in replies:  # type: ignore[attr-defined]
        reply(Unavailable(type(error).__name__, unknown=True))


class _ActorsEnd(PoolerStream):
    """The pooler's end of one actor's stream."""

    def __init__(self, pooler: Pooler) -> None:
        super().__init__()
        self._pooler = pooler

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        try:
            demand_us(transport.get_extra_info("socket"))
        except PermissionError as error:
            log.warning("pooler.refused", reason=str(error))
            transport.close()
            return
        self._pooler.arrived(self)

    def take(self, message: bytes) -> None:
        for number, request in _decode(message):
            self._pooler.take(request, partial(self.send, number))

    def closed(self) -> None:
        self._pooler.left(self)


async def serve(door: socket.socket, url: str, outlived: int, path: str) -> None:
    """Until the process `outlived` ends, or nobody has been here for `IDLE_S`."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    watched = os.pidfd_open(outlived)
    loop.add_reader(watched, ended.set)
    pooler = Pooler(await Database.connect(url, least=0, most=MOST_CONNECTIONS, lock_timeout_ms=LOCK_TIMEOUT_MS))
    server = await pooler.listen(door)
    log.info("pooler.up", path=path)
    relax()
    while not ended.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await ended.wait()
        if not pooler.clients and loop.time() - pooler.empty_since > IDLE_S:
            break
    loop.remove_reader(watched)
    server.close()


def main() -> None:
    """Started by `Door`, which hands over the socket, and the database's URL on standard input."""
    door, outlived, path = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), sys.argv[3]
    url = sys.stdin.read()
    logs.configure("pooler")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with suppress(ProcessLookupError):  # It has ended already.
        uvloop.run(serve(door, url, outlived, path))
