"""When the last of a table's sockets has an action: all of them are in this process, so one clock tells.

An action's update is known by the `seq` of its ack, which may come before, between or after the arrivals.
"""

from __future__ import annotations

import time
from collections.abc import Callable

KEEP = 512
"""Numbers this far behind are forgotten, whatever was missing."""


class Arrivals:
    """`everyone_has_it` is called with each action's seconds from being due to its last arrival.

    Nothing is recorded before `start`, since until then the table is still filling up.
    """

    def __init__(
        self, everyone_has_it: Callable[[float], None], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._everyone_has_it = everyone_has_it
        self._clock = clock
        self._followers = 0
        self._after = 0
        self._count: dict[int, int] = {}
        self._complete: dict[int, float] = {}
        self._sent: dict[int, float] = {}

    def start(self, followers: int, after: int) -> None:
        """From here on `followers` sockets each take in every update with a number above `after`."""
        self._followers, self._after = followers, after
        self._count = {seq: count for seq, count in self._count.items() if seq > after}

    def arrived(self, seq: int) -> None:
        """One more follower has update `seq`."""
        count = self._count.get(seq, 0) + 1
        if count != self._followers or seq <= self._after:
            self._count[seq] = count
            return
        self._count.pop(seq, None)
        due_at = self._sent.pop(seq, None)
        if due_at is None:
            self._complete[seq] = self._clock()
        else:
            self._everyone_has_it(self._clock() - due_at)
        if len(self._complete) > 2 * KEEP or len(self._count) > 2 * KEEP:
            self._forget(seq - KEEP)

    def acked(self, seq: int, due_at: float) -> None:
        """The action due at `due_at` is update `seq`."""
        complete = self._complete.pop(seq, None)
        if complete is not None:
            self._everyone_has_it(complete - due_at)
        elif seq > self._after and self._followers:
            self._sent[seq] = due_at

    def _forget(self, before: int) -> None:
        for kept in (self._complete, self._count, self._sent):
            for seq in [seq for seq in kept if seq < before]:
                del kept[seq]
