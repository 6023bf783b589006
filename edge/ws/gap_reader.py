"""Reads from the log the updates that those who come back have missed: one query for all who asked while the last one
ran."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from tavola.actors.wire.commands import RoomId, UserId
from tavola.edge.ws import protocol
from tavola.storage.postgres import Database, StorageUnavailable
from tavola.storage.rows import Row

TOGETHER = 50
"""Gaps in one query at most: an answer then has some megabytes at worst."""
DAY_MS = 86_400_000
EVER_MS = 2**62
"""Longer than anything was logged."""


class _GapRequest(NamedTuple):
    room: RoomId
    user: UserId
    after: int
    within: int
    """How many ms of the log are looked through, up to the room's last update."""
    rows: asyncio.Future[list[Row]]


class GapReader:
    """A crowd that comes back at once (its edge died) costs a query for every fifty, on one connection."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked: list[_GapRequest] = []
        self._reading: asyncio.Task[None] | None = None

    async def after(self, room: RoomId, user: UserId, after: int) -> list[Row]:
        """The rows of `gap` (log.sql) for `user`, none if there is no such room. Raises `StorageUnavailable`."""
        rows = await self._asked_for(room, user, after, DAY_MS)
        # A log by days is looked through for its last ones; the others are asked when these do not have it all.
        return rows if _complete(rows, after) else await self._asked_for(room, user, after, EVER_MS)

    async def _asked_for(self, room: RoomId, user: UserId, after: int, within: int) -> list[Row]:
        loop = asyncio.get_running_loop()
        asked = _GapRequest(room, user, after, within, loop.create_future())
        self._asked.append(asked)
        if self._reading is None:
            self._reading = loop.create_task(self._read())
        return await asked.rows

    async def _read(self) -> None:
        try:
            while self._asked:
                batch, self._asked = self._asked[:TOGETHER], self._asked[TOGETHER:]
                waiting = [asked for asked in batch if not asked.rows.done()]
                for within in sorted({asked.within for asked in waiting}):
                    await self._answer([asked for asked in waiting if asked.within == within], within)
        finally:
            self._reading = None

    async def _answer(self, batch: list[_GapRequest], within: int) -> None:
        rooms, users, afters, *_ = (list(column) for column in zip(*batch, strict=True))
        found: list[list[Row]] = [[] for _ in batch]
        try:
            for row in await self._database.rows(
                "gap", rooms=rooms, users=users, afters=afters, most=protocol.GAP_LIMIT, within=within
            ):
                found[row["number"] - 1].append(row)
        except Exception as error:  # Any error at all is the answer of all who wait for this query.
            if isinstance(error, StorageUnavailable):
                # And of those behind them: each query of theirs would wait as long, one after the other.
                batch, self._asked = batch + self._asked, []
            for asked in batch:
                if not asked.rows.done():
                    asked.rows.set_exception(error)
            return
        for asked, rows in zip(batch, found, strict=True):
            if not asked.rows.done():
                asked.rows.set_result(rows)


def _complete(rows: list[Row], after: int) -> bool:
    """Whether these rows of `gap` say all that the log can, without looking further back."""
    if not rows or rows[0]["stands"] < after:
        return True
    missed = rows[0]["stands"] - after
    found = sum(row["seq"] is not None for row in rows)
    return (after == 0 or rows[0]["held"] is not None) and (missed > protocol.GAP_LIMIT or found == missed)
