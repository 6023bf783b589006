"""Rates: how much one client may ask for."""

from __future__ import annotations

from collections import OrderedDict

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """The most that a deployment lets one client have; settings of the same names. 0: any number."""

    rooms_per_user: int = 0
    rooms_opened_per_minute: int = 0
    guests_per_minute: int = 0
    frames_per_second: int = 500
    """From one socket, once it has said whose it is."""


NO_LIMITS = Limits()


class Bucket:
    """A token bucket: `rate` a second on average, `burst` at once. Time is given in seconds, by any steady clock."""

    __slots__ = ("_burst", "_level", "_rate", "_then")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst = rate, burst
        self._level, self._then = burst, now

    def take(self, now: float) -> bool:
        """Whether one more is allowed now."""
        if not self.would(now):
            return False
        self._level -= 1.0
        return True

    def would(self, now: float) -> bool:
        """Whether `take` would allow one more now."""
        self._level = min(self._burst, self._level + (now - self._then) * self._rate)
        self._then = now
        return self._level >= 1.0


class Rates:
    """A bucket for each of many: users, say, or addresses. Of more than `limit`, who came longest ago is forgotten."""

    def __init__(self, rate: float, burst: float, limit: int = 50_000) -> None:
        self._rate, self._burst, self._limit = rate, burst, limit
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, who: str, now: float) -> bool:
        """Whether `who` is allowed one more now, in seconds by any steady clock."""
        bucket = self._buckets.get(who)
        if bucket is None:
            bucket = self._buckets[who] = Bucket(self._rate, self._burst, now)
            if len(self._buckets) > self._limit:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(who)
        return bucket.take(now)

    def would(self, who: str, now: float) -> bool:
        """Whether `take` would allow `who` one more now."""
        bucket = self._buckets.get(who)
        return bucket is None or bucket.would(now)


class PerMinute:
    """So many a minute for each of many, all of them at once if they like; 0: any number."""

    def __init__(self, count: int) -> None:
        self._rates = Rates(count / 60, count) if count else None
        self.again_after_ms = -(-60_000 // count) if count else 0
        """How long it takes until one more is allowed."""

    def take(self, who: str, now: float) -> bool:
        """Whether `who` is allowed one more now, in seconds by any steady clock."""
        return self._rates is None or self._rates.take(who, now)
