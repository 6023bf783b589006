"""The end of what is kept: days of the log and their checkpoints, closed rooms, hands. Rounds of the steward, driven by
rows; each may be broken off anywhere, and done twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog

from tavola.actors.upkeep.archivist import Archivist, begins
from tavola.actors.upkeep.log_tender import COMMAND_DAYS
from tavola.actors.upkeep.pace import Pace
from tavola.config.settings import Settings
from tavola.storage.postgres import Database, Sole, StorageUnavailable

log = structlog.get_logger()

DAY_MS = 86_400_000
REMEMBERED_MS = 366 * DAY_MS
"""For so long it is known of a removed room that there was one."""
ROOMS_AT_ONCE = 100
PAGES = 32
"""Pages of the old log that one statement looks through: a few hundred updates."""
DETACH_WAIT_MS = 20
"""For so long commits may have to wait until a day can be taken out of the log."""
DETACH_TRIES = 20
DETACH_PAUSE_S = 0.5
DROP_WITHIN_S = 60.0


class Retention:
    """The rounds, each a method that may be called by itself. `now` gives milliseconds since the epoch."""

    def __init__(
        self, settings: Settings, database: Database, now: Callable[[], int], archivist: Archivist | None = None
    ) -> None:
        """With an `archivist`, what goes is in the archive before."""
        self._settings = settings
        self._archivist = archivist
        self._database = database
        self._now = now
        self.pace = Pace()

    async def round(self) -> None:
        """All of it, unless somebody else is at it. Raises `StorageUnavailable`; what was done stays."""
        async with self._database.sole("retention") as sole:
            if sole is None:
                return
            if self._archivist is not None:
                await self._archivist.go_on(sole)
            await self.expire_rooms()
            if self._archivist is not None:
                await self._archivist.rooms(sole)
            await self.clear_hands(sole)
            await self.clear_log(sole)
            await self._clear_removals()

    async def expire_rooms(self) -> None:
        """Have rooms removed that were closed long ago."""
        days = self._settings.keep_closed_rooms_days
        if days:
            await self.remove_closed(self._now() - days * DAY_MS, "expired")

    async def remove_closed(self, before: int, why: str) -> int:
        """Have rooms removed that were closed before that moment; gives how many. `Removal` does the rest."""
        total = 0
        while True:
            rows = await self._database.rows("expire_rooms", before=before, why=why, at=self._now(), most=ROOMS_AT_ONCE)
            total += len(rows)
            if len(rows) < ROOMS_AT_ONCE:
                break
        if total:
            log.info("retention.rooms", rooms=total, why=why)
        return total

    async def clear_hands(self, sole: Sole) -> None:
        """Hands that ended long ago; from the archive on by whole days."""
        days = self._settings.keep_hands_days
        if not days:
            return
        before = self._now() - days * DAY_MS
        if self._archivist is not None:
            await self._archivist.hands(sole, before)
            return

        async def some(most: int) -> int:
            row = await self._database.row("clear_hands", before=before, most=most)
            assert row is not None
            return int(row["gone"])

        if gone := await self.pace.through(some):
            log.info("retention.hands", hands=gone)

    async def clear_log(self, sole: Sole) -> None:
        """The days of the log that are over, and the checkpoints with them."""
        days = self._settings.keep_log_days
        if not days:
            return
        before = day_of(self._now() - days * DAY_MS) * DAY_MS
        for row in await self._database.rows("log_days"):
            if begins(row["name"][-8:]) >= before:
                break
            if not await self._clear_day(sole, row["name"], attached=row["attached"]):
                return
        if self._archivist is None or not self._archivist.logs:
            await self._clear_undated(before)
            await self._clear_checkpoints(before)

    async def _clear_day(self, sole: Sole, name: str, *, attached: bool) -> bool:
        """A day of the log, by the name of its table. False: it is in use, and stays until the next round."""
        day, since = name[-8:], time.monotonic()
        if attached and self._archivist is not None and self._archivist.logs:
            await self._archivist.log_day(sole, day)
        free = not attached or await self._done("detach_log_day", name=name, wait_ms=DETACH_WAIT_MS)
        if not free or not await self._done("drop_log_day", name=name, within_s=DROP_WITHIN_S):
            log.warning("retention.day_in_use", day=day)
            return False
        log.info("retention.day", day=day, ms=round((time.monotonic() - since) * 1000))
        return True

    async def _done(self, query: str, **given: Any) -> bool:
        """Tried a few times, each so briefly that nobody's commit waits for long behind it."""
        for _ in range(DETACH_TRIES):
            try:
                await self._database.rows(query, **given)
                return True
            except StorageUnavailable as error:
                if error.unknown:
                    raise
            await asyncio.sleep(DETACH_PAUSE_S)
        return False

    async def _clear_undated(self, before: int) -> None:
        """Updates that are in no day's table: from before there were any, and such as had none."""

        async def some(most: int) -> int:
            row = await self._database.row("clear_log_other", before=before, most=most)
            assert row is not None
            return int(row["gone"])

        await self.pace.through(some)
        # A command of those days is known by its row there alone: that long it is known in any case.
        before = min(before, (day_of(self._now()) - COMMAND_DAYS) * DAY_MS)
        await self._clear_before(before)
        since = await self._database.row("by_days_since")
        if since is not None and since["at"] < before:
            await self._database.rows("empty_actions_before", wait_ms=DETACH_WAIT_MS)

    async def _clear_before(self, before: int) -> None:
        """The oldest updates from before the log went by days. They lie in the order in which they were written, so it
        ends where all are younger; the few that lie elsewhere go with the rest."""
        page = gone = 0
        while True:
            [row] = await self._database.rows("clear_actions_before", page=page, most=PAGES, before=before)
            page, gone = page + PAGES, gone + row["gone"]
            if page >= row["pages"] or (row["seen"] and not row["gone"]):
                break
        if gone:
            log.info("retention.log_before", updates=gone)

    async def _clear_checkpoints(self, before: int) -> None:
        at, room, seq, gone = 0, "", 0, 0

        async def some(most: int) -> int:
            nonlocal at, room, seq, gone
            row = await self._database.row(
                "clear_checkpoints", since=at, room_id=room, seq=seq, before=before, most=most
            )
            if row is None:
                return 0
            at, room, seq, gone = row["at"], row["room_id"], row["seq"], gone + row["gone"]
            return int(row["looked_at"])

        await self.pace.through(some)
        if gone:
            log.info("retention.checkpoints", checkpoints=gone)

    async def _clear_removals(self) -> None:
        await self._database.rows("clear_removals", before=self._now() - REMEMBERED_MS, most=ROOMS_AT_ONCE)


def day_of(ms: int) -> int:
    """The day (UTC) of a moment, counted from 1970."""
    return ms // DAY_MS
