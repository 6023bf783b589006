"""The memory that tables and sockets take: the processes before there were any, and at two moments after.

Private memory is what is compared: what a process shares with others (its program, its libraries) is there without
any table, and is divided among more of them the more there are.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

Moment = Literal["empty", "at rest", "played"]
"""Before a table was opened; all open and nobody playing yet; at the end of what was measured."""


class MemoryUse(msgspec.Struct):
    """Of one kind of process: how many there are, and megabytes: `pss_mb` with what they share divided among those
    who share it, so that it adds up; `private_mb` without it, of all and of the one that holds least."""

    processes: int = 0
    pss_mb: float = 0.0
    private_mb: float = 0.0
    least_mb: float = math.inf

    def add(self, other: MemoryUse) -> None:
        self.processes += other.processes
        self.pss_mb += other.pss_mb
        self.private_mb += other.private_mb
        self.least_mb = min(self.least_mb, other.least_mb)


Memory = dict[Moment, dict[str, MemoryUse]]
"""By kind of process."""


def add_memory(memory: Memory, other: Memory) -> None:
    for moment, kinds in other.items():
        for kind, held in kinds.items():
            memory.setdefault(moment, {}).setdefault(kind, MemoryUse()).add(held)


def grown_kb(memory: Memory, moment: Moment, kind: str) -> float | None:
    """By how many KB (1,000 bytes) the processes of a kind hold more than as many empty ones of that kind would. An
    empty one is the least that one was ever seen to hold: there is a spare actor at any time. None: there are none."""
    now = memory.get(moment, {}).get(kind)
    if now is None or not now.processes:
        return None
    empty_mb = min(kinds[kind].least_mb for kinds in memory.values() if kind in kinds)
    return (now.private_mb - now.processes * empty_mb) * 1000
