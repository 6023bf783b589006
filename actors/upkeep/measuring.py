"""The steward measures how many bytes there are, and says when the disk will soon be full."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from tavola.actors.upkeep.ballast import Ballast, own_disk
from tavola.config.settings import Settings
from tavola.storage.growth import DAY_MS, Growth, growth
from tavola.storage.postgres import Database

log = structlog.get_logger()

KEPT_MS = 8 * DAY_MS
SOON_DAYS = 14
VERY_SOON_DAYS = 3
AGAIN_MS = DAY_MS
"""While nothing changes, a warning is told again after so long."""


class Measuring:
    """`now` gives milliseconds since the epoch."""

    def __init__(self, settings: Settings, database: Database, now: Callable[[], int]) -> None:
        self._settings = settings
        self._database = database
        self._now = now
        self._warned: tuple[int, int] | None = None
        """Of how many days it was told last, and when."""

    async def measure(self) -> None:
        """Raises `StorageUnavailable`."""
        now = self._now()
        await self._database.rows("record_sizes", at=now, free=await self._free())
        await self._database.rows("clear_sizes", before=now - KEPT_MS)
        found = await growth(self._database)
        if found is not None:
            self._warn(found, now)

    async def _free(self) -> int | None:
        """Bytes that Postgres's disk has left. Of one that is not ours only the setting says how large its disk is."""
        settings = self._settings
        if settings.database_disk_gb:
            row = await self._database.row("database_bytes")
            return None if row is None else max(0, settings.database_disk_gb * 10**9 - int(row["bytes"]))
        return await asyncio.to_thread(Ballast(own_disk(settings)).free)

    def _warn(self, found: Growth, now: int) -> None:
        """Once at 14 days, once at 3, and again each day that it lasts."""
        days = found.full_in_days
        if days is None or days > SOON_DAYS:
            self._warned = None
            return
        level = VERY_SOON_DAYS if days <= VERY_SOON_DAYS else SOON_DAYS
        if self._warned is not None and self._warned[0] <= level and now - self._warned[1] < AGAIN_MS:
            return
        self._warned = (level, now)
        told = {"days": round(days, 1), "free": found.free, "a_day": found.database.a_day}
        if level == VERY_SOON_DAYS:
            log.error("storage.almost_full", **told)
        else:
            log.warning("storage.filling", **told)
