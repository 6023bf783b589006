"""An actor's end of its node's pooler: a `Database` whose queries somebody else runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
import structlog

from tavola.storage.commits import RemoteWriter
from tavola.storage.pooler.door import Door
from tavola.storage.pooler.wire import (
    Ask,
    Conflicting,
    Ping,
    PoolerAnswer,
    PoolerRequest,
    PoolerStream,
    RoomsWritten,
    RowsFound,
    Together,
    Unavailable,
    Write,
)
from tavola.storage.postgres import QUERIES, Conflict, Database, PinnedConnection, StorageUnavailable
from tavola.storage.rows import LogRow, Records, Row, StateRow

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 5.0
RETRY_S = 0.01
LOOK_S = 1.0
"""A pooler that owes an answer for so long is asked whether it is there."""
SILENT_S = 2.0
"""If it says nothing for so long then, it is replaced."""

_decode = msgspec.msgpack.Decoder(list[tuple[int, PoolerAnswer]]).decode


class PoolerDatabase(Database):
    """Every query raises as `Database`'s do; where the pooler is lost its outcome is unknown. There are no transactions
    but `together`."""

    def __init__(self, door: Door) -> None:
        super().__init__(None)
        self._door = door
        self._link: _PoolerLink | None = None
        self._opening = asyncio.Lock()
        self._stale: int | None = None
        """The pooler that was found silent."""

    async def close(self) -> None:
        if self._link is not None:
            self._link.cut()

    @property
    def owed(self) -> int:
        """Questions that the pooler has not answered yet."""
        return len(self._link._owed) if self._link is not None else 0

    async def fetch(self, query: str, arguments: Sequence[Any], within_s: float | None = None) -> list[Row]:
        return _rows(await self.ask(Ask(query, list(arguments), within_s)))

    async def together(self, *steps: tuple[str, dict[str, Any]]) -> list[Row]:
        asked = [(query, QUERIES[query].arguments(given)) for query, given in steps]
        return _rows(await self.ask(Together(asked)))

    def lane(self) -> PinnedConnection:
        return _PoolerLane(self)

    async def take(self) -> Any:
        raise TypeError("an actor has no connection of its own here")

    async def ask(self, request: PoolerRequest) -> PoolerAnswer:
        """The pooler's answer. Raises as said above."""
        link = self._link
        if link is None or link.transport is None:
            link = await self._open()
        return await link.ask(request)

    async def _open(self) -> _PoolerLink:
        async with self._opening:
            if self._link is None or self._link.transport is None:
                if self._link is not None and self._link.silent:
                    self._stale = self._link.leads_to
                self._link = await self._opened()
            return self._link

    async def _opened(self) -> _PoolerLink:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + CONNECT_TIMEOUT_S
        while loop.time() < give_up_at:
            try:
                reached = self._door.reach(self._stale)
                if reached is not None:
                    line, which = reached
                    _, link = await loop.create_unix_connection(partial(_PoolerLink, which), sock=line)
                    log.info("pooler.reached", which=which)
                    return link
            except OSError as error:
                raise StorageUnavailable(f"no pooler: {type(error).__name__}: {error}", unknown=False) from error
            await asyncio.sleep(RETRY_S)
        raise StorageUnavailable("no pooler: another actor is starting one, and does not go on", unknown=False)


class _PoolerLane(PinnedConnection, RemoteWriter):
    """The commits of one actor, which the pooler gathers with others'."""

    def __init__(self, database: PoolerDatabase) -> None:
        super().__init__(database)
        self._pooler = database

    async def fetch(self, query: str, arguments: Sequence[Any], within_s: float | None = None) -> list[Row]:
        return await self._pooler.fetch(query, arguments, within_s)

    async def write(self, states: list[StateRow], log: list[LogRow], records: Records) -> set[str]:
        answer = await self._pooler.ask(Write(states, log, records))
        assert isinstance(answer, RoomsWritten), answer
        return set(answer.rooms)


def _rows(answer: PoolerAnswer) -> list[Row]:
    assert isinstance(answer, RowsFound), answer
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


class _PoolerLink(PoolerStream):
    """One stream to a pooler."""

    def __init__(self, leads_to: int) -> None:
        super().__init__()
        self.leads_to = leads_to
        self.silent = False
        """It was cut because the pooler said nothing any more."""
        self._numbered = 0
        self._owed: dict[int, asyncio.Future[PoolerAnswer]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._asked_at: float | None = None
        """Since when it is asked whether the pooler is there."""

    async def ask(self, request: PoolerRequest) -> PoolerAnswer:
        self._numbered += 1
        answer = self._owed[self._numbered] = self._loop.create_future()
        self.send(self._numbered, request)
        if self._timer is None:
            self._timer = self._loop.call_later(LOOK_S, self._look, self._loop.time() + LOOK_S)
        got: PoolerAnswer = await answer
        match got:
            case Unavailable(reason, unknown, full):
                raise StorageUnavailable(reason, unknown=unknown, full=full)
            case Conflicting(constraint):
                raise Conflict(constraint)
        return got

    def take(self, message: bytes) -> None:
        self._asked_at = None
        for number, answer in _decode(message):
            owed = self._owed.pop(number, None)
            if owed is not None and not owed.done():
                owed.set_result(answer)

    def _look(self, due: float) -> None:
        """Where we were held up ourselves, answers wait unread: it is judged the next time."""
        now = self._loop.time()
        self._timer = None
        if not self._owed:
            return
        if self._asked_at is None:
            self._asked_at = now
            self.send(0, Ping())
        elif now - self._asked_at > SILENT_S and now - due < LOOK_S / 2:
            self.silent = True
            log.warning("pooler.silent", which=self.leads_to)
            self.cut()
            return
        self._timer = self._loop.call_later(LOOK_S, self._look, now + LOOK_S)

    def closed(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        owed, self._owed = self._owed, {}
        for answer in owed.values():
            if not answer.done():
                answer.set_exception(StorageUnavailable("the pooler is gone", unknown=True))
