"""Counts and latencies of a run. A latency goes into a histogram of 1 % steps: hours cost no more than seconds."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable

import msgspec

SHORTEST_S = 1e-5
_STEP = math.log(1.01)
_BUCKETS = int(math.log(1e8) / _STEP) + 2


class Percentiles(msgspec.Struct, frozen=True):
    """Milliseconds."""

    count: int
    p50: float
    p90: float
    p99: float
    max: float


class Histogram:
    """Durations in seconds, from 10 µs to 1,000 s, each kept to within 1 %; the longest exactly."""

    def __init__(self) -> None:
        self.count = 0
        self.longest = 0.0
        self._buckets = [0] * _BUCKETS

    def record(self, seconds: float) -> None:
        bucket = int(math.log(seconds / SHORTEST_S) / _STEP) + 1 if seconds > SHORTEST_S else 0
        self._buckets[min(bucket, _BUCKETS - 1)] += 1
        self.count += 1
        if seconds > self.longest:
            self.longest = seconds

    def add(self, other: Histogram) -> None:
        """Everything that `other` has as well."""
        self._buckets = [mine + theirs for mine, theirs in zip(self._buckets, other._buckets, strict=True)]
        self.count += other.count
        self.longest = max(self.longest, other.longest)

    def quantile(self, share: float) -> float:
        """The duration that `share` of all do not exceed, in seconds; 0 if there are none."""
        rank, seen = max(1, math.ceil(share * self.count)), 0
        for bucket, count in enumerate(self._buckets):
            seen += count
            if count and seen >= rank:
                return min(self.longest, SHORTEST_S * math.exp((bucket - 0.5) * _STEP) if bucket else SHORTEST_S)
        return 0.0

    def percentiles(self) -> Percentiles:
        p50, p90, p99 = (round(self.quantile(share) * 1000, 3) for share in (0.5, 0.9, 0.99))
        return Percentiles(self.count, p50, p90, p99, round(self.longest * 1000, 3))


def percentiles(seconds: Iterable[float]) -> Percentiles:
    histogram = Histogram()
    for each in seconds:
        histogram.record(each)
    return histogram.percentiles()


class Second(msgspec.Struct, array_like=True):
    """One second of a run: `at` is in seconds since the epoch; latencies are in milliseconds, of what ended in it."""

    at: int
    actions: int
    p50: float
    p99: float
    max: float


class Timeline:
    """Actions and their latencies, second by second."""

    def __init__(self) -> None:
        self.seconds: list[Second] = []
        self._at = 0
        self._latencies: list[float] = []

    def record(self, seconds: float) -> None:
        now = int(time.time())
        if now != self._at:
            self.close()
            self._at = now
        self._latencies.append(seconds)

    def close(self) -> None:
        """The second that is under way is over."""
        if self._latencies:
            ordered, self._latencies = sorted(self._latencies), []
            p50, p99 = (ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 for share in (0.5, 0.99))
            self.seconds.append(
                Second(self._at, len(ordered), round(p50, 3), round(p99, 3), round(ordered[-1] * 1000, 3))
            )

    def add(self, other: Timeline) -> None:
        """The seconds of `other` as well. Of two parts of one second the half and the 99 % are not known exactly any
        more: taken are the mean, by actions, and the larger."""
        mine = {second.at: second for second in self.seconds}
        for second in other.seconds:
            here = mine.get(second.at)
            if here is None:
                mine[second.at] = second
                continue
            actions = here.actions + second.actions
            p50 = (here.p50 * here.actions + second.p50 * second.actions) / actions
            worst = max(here.max, second.max)
            mine[second.at] = Second(second.at, actions, round(p50, 3), max(here.p99, second.p99), worst)
        self.seconds = [mine[at] for at in sorted(mine)]


class Stats:
    """The counts made while `measuring`. An action is an acknowledged `act`."""

    def __init__(self) -> None:
        self.measuring = False
        self.tables_up = 0
        self.actions = 0
        self.hands = 0
        self.everyone = Histogram()
        """From when an action was due until the last of the table's sockets has its update."""
        self.acks = Histogram()
        self.timeline = Timeline()
        self.connects: dict[str, Histogram] = {}
        """From the beginning of a connection until all its rooms were current again, by what it was: `resumed` (with
        `after`) or `whole` (with a whole view), `under load` or `at rest`."""
        self.refusals: Counter[str] = Counter()
        self.closes: Counter[int] = Counter()
        """Connections lost, by close code."""
        self.losses: list[tuple[float, str]] = []
        """When they were lost, in seconds since the epoch."""

    def acted(self, ack_s: float) -> None:
        if self.measuring:
            self.actions += 1
            self.acks.record(ack_s)

    def everyone_has_it(self, seconds: float) -> None:
        if self.measuring:
            self.everyone.record(seconds)
            self.timeline.record(seconds)

    def came_back(self, seconds: float, whole: bool, *, at_rest: bool) -> None:
        if self.measuring or at_rest:
            kind = f"{'whole' if whole else 'resumed'}, {'at rest' if at_rest else 'under load'}"
            self.connects.setdefault(kind, Histogram()).record(seconds)

    def lost(self, code: int, url: str = "") -> None:
        """A connection to `url` has ended."""
        self.closes[code] += 1
        self.losses.append((time.time(), url))

    def add(self, other: Stats) -> None:
        """Everything that `other` has as well, of the same time."""
        self.measuring = self.measuring or other.measuring
        self.tables_up += other.tables_up
        self.actions += other.actions
        self.hands += other.hands
        self.everyone.add(other.everyone)
        self.acks.add(other.acks)
        self.timeline.add(other.timeline)
        for kind, histogram in other.connects.items():
            self.connects.setdefault(kind, Histogram()).add(histogram)
        self.refusals += other.refusals
        self.closes += other.closes
        self.losses += other.losses

    def become(self, other: Stats) -> None:
        """Become what `other` is."""
        self.__dict__.update(other.__dict__)

    def hand_ended(self) -> None:
        if self.measuring:
            self.hands += 1

    def refused(self, code: str) -> None:
        if self.measuring:
            self.refusals[code] += 1
