"""Postgres's disk is full: what is kept no longer goes at once, and closed rooms before their days are over, so that
play goes on."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from tavola.actors.upkeep.ballast import Ballast
from tavola.actors.upkeep.removal import Removal
from tavola.actors.upkeep.retention import Retention
from tavola.storage.archive_store import ArchiveUnavailable
from tavola.storage.postgres import Conflict, Database, StorageUnavailable

log = structlog.get_logger()

SEEN_MS = 5_000
"""An actor that found no space says so again within this, if there still is none."""
SPARED_MS = 3_600_000
"""A room that was closed so lately stays."""
AGAIN_MS = 60_000
"""Where it did not help it is tried again after so long."""
VACUUM_WITHIN_S = 300.0


class Relief:
    """`now` gives milliseconds since the epoch."""

    def __init__(
        self, database: Database, retention: Retention, removal: Removal, ballast: Ballast, now: Callable[[], int]
    ) -> None:
        self._ballast = ballast
        self._database = database
        self._retention = retention
        self._removal = removal
        self._now = now
        self._noticed = False
        self._until = 0

    def notice(self) -> None:
        """A statement of the steward's own found no space."""
        self._noticed = True

    async def look(self) -> None:
        """Make space if there is none. Raises `StorageUnavailable`; what was done stays."""
        if self._now() < self._until:
            return
        if not self._noticed and not self._ballast.low:
            row = await self._database.row("no_space", within_ms=SEEN_MS)
            if row is None or not row["found"]:
                self._ballast.make()
                return
        log.error("storage.full")
        # A row that is deleted is written about first, and Postgres may have died of there being no space for that.
        self._ballast.drop()
        self._noticed = True
        await self.relieve()
        self._noticed = False
        self._until = self._now() + AGAIN_MS

    async def relieve(self) -> None:
        """Raises `StorageUnavailable`; then it is to be tried again."""
        began = self._now()
        await self._reuse_wal()
        # With a full disk the archive may be unreachable, and then what waits for it stays; the rest need not.
        await self._expire()
        rooms = await self._retention.remove_closed(self._now() - SPARED_MS, "space")
        await self._expire()
        await self._removal.work()
        await self._reuse_wal()
        await self._database.rows("vacuum", within_s=VACUUM_WITHIN_S)
        await self._reuse_wal()
        log.warning("storage.relieved", rooms=rooms, ms=self._now() - began)

    async def _expire(self) -> None:
        try:
            await self._retention.round()
        except ArchiveUnavailable as error:
            log.warning("steward.round_failed", round="retention", reason=str(error))
        except StorageUnavailable as error:
            if not error.no_space:
                raise

    async def _reuse_wal(self) -> None:
        """Where the role may have that done: it is a member of `pg_checkpoint`."""
        try:
            await self._database.rows("checkpoint", within_s=VACUUM_WITHIN_S)
        except Conflict as error:
            log.info("storage.no_checkpoint", reason=str(error))
        except StorageUnavailable as error:
            if not error.no_space:
                raise
