"""An edge is asked to end in the middle of a run: how long each of its players was without a current view, once it had
let them go."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from typing import Any

import psutil

from tavola.client.client import Client
from tavola.load.measure.outcome import EdgeDrained
from tavola.load.measure.stats import Histogram

BACK_WITHIN_S = 150.0
TRY_AGAIN_LATER = 1013


class _Leaving:
    """One player of the edge: let go at a moment, then back; turned away so many times in between."""

    def __init__(self, client: Client[Any, Any], gaps: Histogram) -> None:
        self.back = client.back_again()
        self.turned_away = 0
        self._gaps = gaps
        self._lost_at: float | None = None
        self._told, client.on_lost = client.on_lost, self._lost
        self.back.add_done_callback(self._is_back)

    def _lost(self, code: int, reason: str) -> None:
        if not self.back.done():
            self._lost_at = self._lost_at or time.perf_counter()
            self.turned_away += code == TRY_AGAIN_LATER
        if self._told is not None:
            self._told(code, reason)

    def _is_back(self, back: asyncio.Future[None]) -> None:
        if self._lost_at is not None and not back.cancelled():
            self._gaps.record(time.perf_counter() - self._lost_at)


async def drain_edge(edge: psutil.Process, url: str, clients: Sequence[Client[Any, Any]]) -> EdgeDrained:
    """Asks (SIGTERM) the edge at `url` to end, and waits until those of `clients` that were connected to it are current
    again on another."""
    gaps = Histogram()
    leaving = [_Leaving(client, gaps) for client in clients if client.url == url]
    asked_at = time.perf_counter()
    edge.send_signal(signal.SIGTERM)
    missing: set[asyncio.Future[None]] = set()
    if leaving:
        _, missing = await asyncio.wait([each.back for each in leaving], timeout=BACK_WITHIN_S)
    took_s = time.perf_counter() - asked_at
    turned_away = sum(each.turned_away for each in leaving)
    return EdgeDrained(len(leaving), len(missing), turned_away, round(took_s, 3), gaps.percentiles())
