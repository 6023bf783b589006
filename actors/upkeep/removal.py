"""Rooms that are removed: all that there is of them, in batches. Driven by rows of `removals`, it may be done twice."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import structlog

from tavola.actors.upkeep.pace import Pace
from tavola.actors.wire.commands import RoomId
from tavola.storage.postgres import Database

log = structlog.get_logger()

AT_ONCE = 100
"""Rooms that a round begins with at most."""


class Removal:
    """The rounds of the steward that remove rooms. With `archived`, rooms that have expired wait for the archive."""

    def __init__(self, database: Database, now: Callable[[], int], *, archived: bool) -> None:
        """`now` gives milliseconds since the epoch."""
        self._database = database
        self._now = now
        self._archived = archived
        self.pace = Pace()

    async def work(self) -> None:
        """Remove the rooms that are to be, until there are none. Raises `StorageUnavailable`; what was done stays."""
        async with self._database.sole("removal") as sole:
            if sole is None:
                return
            while rows := await self._database.rows("removals_due", archived=self._archived, most=AT_ONCE):
                for row in rows:
                    await self._remove(RoomId(row["room_id"]))

    async def _remove(self, room: RoomId) -> None:
        after = 0

        async def some_of_the_log(most: int) -> int:
            nonlocal after
            row = await self._database.row("remove_log", room_id=room, after=after, most=most)
            assert row is not None
            after = row["last"]
            return int(row["gone"])

        key = UUID(int=0)

        async def some_commands(most: int) -> int:
            nonlocal key
            row = await self._database.row("remove_commands", room_id=room, after=key, most=most)
            if row is None:
                return 0
            key = row["last"]
            return int(row["gone"])

        async def some(most: int) -> int:
            row = await self._database.row("remove_some", room_id=room, most=most)
            assert row is not None
            return int(row["gone"])

        await self.pace.through(some_of_the_log)
        await self.pace.through(some_commands)
        await self.pace.through(some)
        done = await self._database.row("finish_removal", room_id=room, at=self._now())
        if done is not None:
            log.info("room.removed", why=done["why"], rows=done["rows_gone"], after_ms=self._now() - done["asked_at"])
