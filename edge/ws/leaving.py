"""An edge that takes no more sockets says so, and one that ends lets those that it has go: in batches, at the pace at
which the other edges take them up.

The most that may wait is what an edge holds when it begins to end, `TAVOLA_SOCKETS_PER_EDGE`; nothing joins them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection
from typing import Protocol

from tavola.edge.ws import protocol
from tavola.edge.ws.websocket import text_frame

BATCH_S = 0.1
"""Between two batches; the sockets of one come back at moments of their own within it."""
AGAIN_MS = 1_000
"""After how long whoever was turned away may try again, at least; at most twice that."""


class Leaver(Protocol):
    """A socket that is told when to come back, and closed; `edge.ws.connection.Connection` is one."""

    def drain(self, reason: str, reconnect_after_ms: int) -> None: ...


class NewSocket(Protocol):
    """A socket of which nothing is known yet; `edge.ws.websocket.DirectWebSocket` is one."""

    def write(self, frames: bytes) -> None: ...

    def close(self, code: int, reason: str) -> None: ...


def batch_size(sockets: int, a_second: int, within_s: float) -> int:
    """How many of `sockets` go in each batch: `a_second`, or as many more as it takes to be through in time."""
    batches = max(1, int(within_s / BATCH_S))
    return max(1, round(a_second * BATCH_S), -(-sockets // batches))


async def let_go(
    sockets: Collection[Leaver],
    reason: str,
    a_second: int,
    within_s: float,
    hurried: Callable[[], bool] = lambda: False,
) -> None:
    """Say goodbye to all of them, and why. Once `hurried`, those that are left go at once."""
    left, loop = list(sockets), asyncio.get_running_loop()
    size, due = batch_size(len(left), a_second, within_s), loop.time()
    while left:
        batch, left = (left, []) if hurried() else (left[:size], left[size:])
        for socket in batch:
            socket.drain(reason, random.randrange(round(BATCH_S * 1000)))
        if left:
            due += BATCH_S
            await asyncio.sleep(max(0.0, due - loop.time()))


def turn_away(socket: NewSocket, reason: str) -> None:
    """Take no socket from them now: they may try again in a moment."""
    socket.write(text_frame(protocol.closing(reason, AGAIN_MS + random.randrange(AGAIN_MS))))
    socket.close(1013, reason)
