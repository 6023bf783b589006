"""What is going on, while it goes on: one live line on a terminal, a plain line every two seconds elsewhere."""

from __future__ import annotations

import asyncio
import sys
import time

from load.checks import Verdict
from load.stats import Stats

LIVE_S = 0.5
PLAIN_S = 2.0


class Progress:
    """Shows a run until it is cancelled."""

    def __init__(self, stats: Stats, verdict: Verdict, tables: int) -> None:
        self._stats = stats
        self._verdict = verdict
        self._tables = tables
        self._actions = 0
        self._at = time.monotonic()

    async def run(self) -> None:
        if not sys.stdout.isatty():
            while True:
                await asyncio.sleep(PLAIN_S)
                print(self.line(), flush=True)
        from rich.live import Live

        with Live(self.line(), auto_refresh=False, transient=True) as live:
            while True:
                await asyncio.sleep(LIVE_S)
                live.update(self.line(), refresh=True)

    def line(self) -> str:
        """The state now; rates are since the line before."""
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
