"""How many rooms cannot be read: counted in Postgres now and then, for whoever watches the metrics."""

from __future__ import annotations

import asyncio

import structlog

from tavola.storage.postgres import Database, StorageUnavailable

log = structlog.get_logger()

COUNTED_S = 15.0


class UnreadableCount:
    """`rooms`: as many as there were lately, by what is answered for them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.rooms: dict[str, int] = {"corrupted_state": 0, "room_unavailable": 0}

    async def run(self) -> None:
        """Count until cancelled. While Postgres is away the last count stands."""
        while True:
            try:
                await self.count()
            except StorageUnavailable as error:
                log.info("unreadable.not_counted", reason=str(error))
            await asyncio.sleep(COUNTED_S)

    async def count(self) -> None:
        """Raises `StorageUnavailable`."""
        found = {row["code"]: row["rooms"] for row in await self._database.rows("unreadable_rooms")}
        self.rooms = {code: found.get(code, 0) for code in self.rooms}
