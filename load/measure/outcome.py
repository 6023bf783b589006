"""The outcome of a run, or of a part of one in a process of its own; parts add up."""

from __future__ import annotations

import msgspec

from tavola.load.checks.verdict import KEPT, Verdict
from tavola.load.measure.memory import Memory, add_memory
from tavola.load.measure.processes import Usage
from tavola.load.measure.stats import Percentiles, Stats


class EdgeKilled(msgspec.Struct):
    """`back_ms`: from the kill until a socket's rooms were all current again. `missing` sockets never were."""

    sockets: int
    missing: int
    back_ms: Percentiles


class EdgeDrained(msgspec.Struct):
    """`gap_ms`: from when a socket was let go until its rooms were all current again. `missing` sockets never were;
    `turned_away` is how often one was told to try again later. It took `took_s` seconds until all were back."""

    sockets: int
    missing: int
    turned_away: int
    took_s: float
    gap_ms: Percentiles


class RunOutcome(msgspec.Struct):
    """`seconds` is the measured time; `frames` came in it. `resent` are commands that were sent again. It took
    `opening_s` seconds until all tables were open."""

    stats: Stats
    verdict: Verdict
    usage: dict[str, Usage]
    seconds: float
    sockets: int
    frames: int
    resent: int
    opening_s: float = 0.0
    memory: Memory = {}
    edge_killed: EdgeKilled | None = None
    edge_drained: EdgeDrained | None = None

    def add(self, other: RunOutcome) -> None:
        """Another part's, of the same time."""
        self.stats.add(other.stats)
        add_verdict(self.verdict, other.verdict)
        for kind, used in other.usage.items():
            usage = self.usage.setdefault(kind, Usage())
            usage.cpu_s += used.cpu_s
            usage.processes += used.processes
            usage.rss_mb += used.rss_mb
            usage.ended += used.ended
        self.seconds = max(self.seconds, other.seconds)
        self.sockets += other.sockets
        self.frames += other.frames
        self.resent += other.resent
        self.opening_s = max(self.opening_s, other.opening_s)
        add_memory(self.memory, other.memory)


def add_verdict(verdict: Verdict, other: Verdict) -> None:
    verdict.made += other.made
    verdict.failed += other.failed
    verdict.violations = [*verdict.violations, *other.violations][:KEPT]
