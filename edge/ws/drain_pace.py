"""The pace at which an edge that ends lets its sockets go: as fast as the other edges are seen to take them up."""

from __future__ import annotations

from collections import deque

FIRST = 50
"""So many may be under way before anybody has come back, with all that they follow current again."""
AWAY_S = 1.0
"""As many may be under way as came back in so long. An edge says how many it has twice a second, so that is seen late:
the pace doubles in a second or two while others keep up, and a socket is away for half a second where they do not."""
SEEN_S = 1.0
"""Over how long is counted how many came back."""
NOBODY_S = 1.5
"""When nobody has come back in so long, nobody waits to see them come: there is no edge for them, or all end."""


class DrainPace:
    """Of `sockets` in all, at most `a_second`, and so that the last is gone `within_s` after the first, whatever the
    others do. Times are seconds of one clock."""

    def __init__(self, sockets: int, a_second: int, within_s: float, now: float) -> None:
        self._left = sockets
        self._a_second = a_second
        self._ends_at = now + within_s
        self._began_at, self._last_at = now, now
        self._gone = 0
        self._owed = 0.0
        self._base: int | None = None
        self._back: deque[tuple[float, int]] = deque([(now, 0)])

    def seen(self, elsewhere: int | None, now: float) -> None:
        """So many sockets the other edges have together; None: nobody knows."""
        if elsewhere is None:
            self._base = None
            return
        if self._base is None:
            self._base = elsewhere - self._back[-1][1]
        self._back.append((now, max(self._back[-1][1], min(self._gone, elsewhere - self._base))))
        while len(self._back) > 2 and self._back[1][0] <= now - SEEN_S:
            self._back.popleft()

    def step(self, now: float) -> int:
        """How many go now."""
        passed, self._last_at = now - self._last_at, now
        self._owed = min(self._owed + passed * self._a_second, float(self._a_second))
        left_s = self._ends_at - now
        due = self._left if left_s <= passed else -int(-self._left * passed // left_s)
        size = max(due, min(int(self._owed), self._room(now)))
        size = min(size, self._left)
        self._owed = max(0.0, self._owed - size)
        self._left -= size
        self._gone += size
        return size

    def _room(self, now: float) -> int:
        """How many more may be under way."""
        (first_at, first), (last_at, back) = self._back[0], self._back[-1]
        if self._base is None or (not back and now - self._began_at > NOBODY_S):
            return self._left
        taken = (back - first) / max(SEEN_S, last_at - first_at)
        return max(FIRST, int(AWAY_S * taken)) - (self._gone - back)
