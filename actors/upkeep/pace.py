"""Work in batches, none of which takes long: what is deleted must not hold up what is played."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

AIM_S = 0.02
LONGEST_S = 0.05
"""A batch that took longer is followed by half as large a one."""
LEAST, MOST = 50, 20_000
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
        """Batches until one finds nothing more; gives how many rows there were."""
        total = 0
        while done := await self.batch(work):
            total += done
        return total
