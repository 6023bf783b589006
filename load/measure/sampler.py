"""Processor time and memory by kind of process, every other second, for a plot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec

from tavola.load.measure.processes import Processes

EVERY_S = 2.0


class Sample(msgspec.Struct, array_like=True):
    """Of one kind of process, in the seconds before `at` (since the epoch): cores busy, megabytes resident."""

    at: float
    kind: str
    cores: float
    rss_mb: float


class Sampler:
    """`samples` grows while `run` does."""

    def __init__(self, roots: Callable[[], dict[str, list[int]]]) -> None:
        self._processes = Processes(roots)
        self.samples: list[Sample] = []

    async def run(self) -> None:
        """Until cancelled."""
        before = time.monotonic()
        self._processes.start()
        while True:
            await asyncio.sleep(EVERY_S)
            now, at = time.monotonic(), round(time.time(), 1)
            for kind, usage in self._processes.lap().items():
                cores = usage.cpu_s / (now - before)
                self.samples.append(Sample(at, kind, round(max(0.0, cores), 3), round(usage.rss_mb, 1)))
            before = now
