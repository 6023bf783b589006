"""Days that last seconds: the clock of a run's own stack is put ahead, so that retention has something to take."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tavola.config.clock import SetClock
from tavola.load.evidence.taken import Taken
from tavola.load.evidence.truth import Truth

HOURS = 6
"""Of a step. It is less than what a player's token to come back with lasts."""
HOUR_MS = 3_600_000


class ShortDays:
    """A day in `day_s` seconds. The log is kept for one, and what is older goes by way of the archive. Those who are
    away do not lose their seats by it."""

    def __init__(self, folder: Path, day_s: float) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._clock = SetClock(folder / "clock")
        self._day_s = day_s
        self.taken = Taken(folder / "archive")
        for_ever = str(30 * 86_400)
        self.environment = {
            "TAVOLA_CLOCK_FILE": str(self._clock.file), "TAVOLA_KEEP_LOG_DAYS": "1",
            "TAVOLA_ARCHIVE": str(folder / "archive"), "TAVOLA_ARCHIVE_LOGS": "1",
            "TAVOLA_DISCONNECTED_AFTER_S": for_ever, "TAVOLA_SEAT_FREED_AFTER_S": for_ever,
            "TAVOLA_MEMBER_LEAVES_AFTER_S": for_ever, "TAVOLA_EMPTY_ROOM_MINUTES": "0",
        }  # fmt: skip

    async def run(self, truth: Truth) -> None:
        """Until cancelled; from then on time passes as it does elsewhere."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.taken.run(truth))
            tasks.create_task(self._pass())

    async def _pass(self) -> None:
        while True:
            await asyncio.sleep(self._day_s * HOURS / 24)
            self._clock.put_ahead(HOURS * HOUR_MS)
