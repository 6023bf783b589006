"""An edge dies in the middle of a run: how long until each of its players has a current view again, from another."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from typing import Any

import psutil

from tavola.client.client import Client
from tavola.load.measure.outcome import EdgeKilled
from tavola.load.measure.stats import Histogram

BACK_WITHIN_S = 30.0


async def kill_edge(edge: psutil.Process, url: str, clients: Sequence[Client[Any, Any]]) -> EdgeKilled:
    """Kills (SIGKILL) the edge at `url`, and waits for those of `clients` that were connected to it."""
    back = Histogram()
    returns = [client.back_again() for client in clients if client.url == url]
    killed_at = time.perf_counter()
    for each in returns:
        each.add_done_callback(lambda _: back.record(time.perf_counter() - killed_at))
    edge.send_signal(signal.SIGKILL)
    missing: set[asyncio.Future[None]] = set()
    if returns:
        _, missing = await asyncio.wait(returns, timeout=BACK_WITHIN_S)
    return EdgeKilled(len(returns), len(missing), back.percentiles())
