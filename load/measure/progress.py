"""The progress of a run, while it goes on: live on a terminal, a plain line every two seconds elsewhere."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable

from tavola.load.checks.verdict import Verdict
from tavola.load.measure.stats import Stats

LIVE_S = 0.5
PLAIN_S = 2.0


async def show(lines: Callable[[], list[str]]) -> None:
    """Shows them, one below the other or all in one, until it is cancelled."""
    if not sys.stdout.isatty():
        while True:
            await asyncio.sleep(PLAIN_S)
            print("  ".join(lines()), flush=True)
    from rich.live import Live
    from rich.text import Text

    with Live(Text("\n".join(lines())), auto_refresh=False, transient=True) as live:
        while True:
            await asyncio.sleep(LIVE_S)
            live.update(Text("\n".join(lines())), refresh=True)


class RunProgress:
    """How far a run is. `resent` is asked for the commands that were sent again, `faults` for how many were done and
    how many are planned."""

    def __init__(
        self,
        stats: Stats,
        verdict: Verdict,
        tables: int,
        resent: Callable[[], int] = lambda: 0,
        faults: Callable[[], tuple[int, int]] = lambda: (0, 0),
    ) -> None:
        self._stats = stats
        self._verdict = verdict
        self._tables = tables
        self._resent = resent
        self._faults = faults
        self._actions = 0
        self._at = time.monotonic()

    async def run(self) -> None:
        await show(self.lines)

    def lines(self) -> list[str]:
        """The state now; rates are since they were asked for before. The second is of what went wrong, if anything
        did or is going to."""
        troubles = self._troubles()
        return [self._play(), troubles] if troubles else [self._play()]

    def _play(self) -> str:
        stats, now = self._stats, time.monotonic()
        rate = (stats.actions - self._actions) / max(now - self._at, 1e-6)
        self._actions, self._at = stats.actions, now
        tables = f"{stats.tables_up}/{self._tables} tables"
        failed = sum(self._verdict.failed.values())
        violations = f"  {failed:,} VIOLATIONS" if failed else ""
        if not stats.measuring:
            return f"{'finishing' if stats.actions else 'opening'}  {tables}{violations}"
        views = self._verdict.made["views"]
        compared = f"  {views:,} views compared" if views else ""
        p50, p99 = (stats.everyone.quantile(share) * 1000 for share in (0.5, 0.99))
        return (
            f"{tables}  {rate:,.0f} actions/s  {stats.hands:,} hands  p50 {p50:.1f} ms  p99 {p99:.1f} ms"
            f"{compared}{violations}"
        )

    def _troubles(self) -> str:
        done, planned = self._faults()
        lost, resent = self._stats.closes.total(), self._resent()
        told = [f"{done:,} of {planned:,} faults"] if planned else []
        told += [f"{lost:,} connections lost"] if lost else []
        told += [f"{resent:,} commands resent"] if resent else []
        return "  ".join(told)


class Judging:
    """Which room of how many is judged."""

    def __init__(self, rooms: int) -> None:
        self.rooms = rooms
        self.judged = 0

    async def run(self) -> None:
        await show(self.lines)

    def lines(self) -> list[str]:
        return [f"judging  room {min(self.judged + 1, self.rooms):,} of {self.rooms:,}"]
