"""Work in batches, none of which takes long: what is deleted must not hold up what is played."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

AIM_S = 0.02
LONGEST_S = 0.05
"""A batch that took longer is followed by half as large a one."""
LEAST, MOST = 50, 2_000
"""Of rows. However fast they go, what they write to the write-ahead log is flushed with the next move's commit."""
FIRST = 500


class Pace:
    """How many rows the next batch has: as many as take `AIM_S` to `LONGEST_S` of the database's time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.most = FIRST
        self.longest = 0.0
        """Seconds that the longest batch took."""
        self.batches = 0

    async def batch(self, work: Callable[[int], Awaitable[int]]) -> int:
        """Have up to `most` rows worked on; gives how many there were."""
        asked = self.most
        since = self._clock()
        done = await work(asked)
        took = self._clock() - since
        self.longest = max(self.longest, took)
        self.batches += 1
        if took > LONGEST_S:
            self.most = max(LEAST, asked // 2)
        elif took < AIM_S and done >= asked:
            self.most = min(MOST, asked + asked // 2)
        return done

    async def through(self, work: Callable[[int], Awaitable[int]]) -> int:
        """Batches until one finds nothing more, each followed by a pause as long as it took: half of the disk is
        others'. Gives how many rows there were."""
        total = 0
        since = self._clock()
        while done := await self.batch(work):
            total += done
            await asyncio.sleep(self._clock() - since)
            since = self._clock()
        return total
