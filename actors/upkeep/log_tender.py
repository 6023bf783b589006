"""The log is tended: its days are made ahead, and commands that nobody sends again are forgotten. Without Ray."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from tavola.storage.postgres import Conflict, Database

log = structlog.get_logger()

DAYS_AHEAD = 7
"""So many days' partitions of the log are there before they are needed: a steward may be away for long."""
COMMAND_DAYS = 8
"""For how many UTC days beside the one that runs a command is known by its id: never under a week."""
PAGES = 128
"""Pages of `commands` that one statement looks through: some ten thousand commands, some ms."""
SWEEP_S = 3600.0 * 6
"""How long it takes to look through all of them once."""


class LogTender:
    """Any number of these may work at once; each step is a statement. `now` gives milliseconds since the epoch."""

    def __init__(self, database: Database, now: Callable[[], int]) -> None:
        self._database = database
        self._now = now
        self._page: int | None = None
        """Where in `commands` to look next; at first anywhere."""
        self._settled = False

    async def make_days(self) -> None:
        """Have the log's next days there, as far as they are not."""
        today = datetime.fromtimestamp(self._now() / 1000, UTC).date()
        last = today + timedelta(days=DAYS_AHEAD)
        try:
            [row] = await self._database.rows("make_log_days", first=today, last=last)
        except Conflict as error:
            log.error("log.days_not_made", reason=error.constraint)
            return
        if row["made"]:
            log.info("log.days_made", made=row["made"], until=str(last))
        if not self._settled:
            [row] = await self._database.rows("settle_log")
            self._settled = row["settled"]

    async def forget_commands(self, every_s: float) -> None:
        """Forget the oldest commands of as many pages as are looked through in `every_s`."""
        before = self._now() // 86_400_000 - COMMAND_DAYS
        pages = await self._forget(self._page or 0, before)
        if self._page is None:
            self._page = random.randrange(max(1, pages))
        for _ in range(int(pages * every_s / SWEEP_S / PAGES)):
            pages = await self._forget(self._page, before)

    async def _forget(self, page: int, before: int) -> int:
        """How many pages there are."""
        [row] = await self._database.rows("clear_commands", page=page, most=PAGES, before=before)
        if row["forgotten"]:
            log.info("log.commands_forgotten", forgotten=row["forgotten"], page=page, pages=row["pages"])
        self._page = page + PAGES if page + PAGES < row["pages"] else 0
        return int(row["pages"])
