"""An edge that takes no more sockets says so, and one that ends lets those that it has go: in batches, at the pace at
which the other edges take them up (`drain_pace`).

The most that may wait is what an edge holds when it begins to end, `TAVOLA_SOCKETS_PER_EDGE`; nothing joins them.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

from tavola.edge.ws import protocol
from tavola.edge.ws.drain_pace import DrainPace
from tavola.edge.ws.websocket import text_frame

LOOK_S = 0.25
"""How often it is looked how many the others have: each edge says so twice a second."""
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


async def let_go(
    sockets: Collection[Leaver],
    reason: str,
    a_second: int,
    within_s: float,
    hurried: Callable[[], bool] = lambda: False,
    elsewhere: Callable[[], Awaitable[int | None]] | None = None,
) -> None:
    """Say goodbye to all of them, and why. Once `hurried`, those that are left go at once. `elsewhere` tells how many
    sockets the other edges have that are current, or None where that is not known."""
    left, loop = list(sockets), asyncio.get_running_loop()
    due = loop.time()
    pace = DrainPace(len(left), a_second, within_s, due)
    looking = None if elsewhere is None else loop.create_task(_look(pace, elsewhere))
    try:
        while left:
            due += BATCH_S
            await asyncio.sleep(0.0 if hurried() else max(0.0, due - loop.time()))
            size = len(left) if hurried() else pace.step(loop.time())
            for socket in left[:size]:
                socket.drain(reason, random.randrange(round(BATCH_S * 1000)))
            del left[:size]
    finally:
        if looking is not None:
            looking.cancel()


async def _look(pace: DrainPace, elsewhere: Callable[[], Awaitable[int | None]]) -> None:
    while True:
        pace.seen(await elsewhere(), asyncio.get_running_loop().time())
        await asyncio.sleep(LOOK_S)


def turn_away(socket: NewSocket, reason: str) -> None:
    """Take no socket from them now: they may try again in a moment."""
    socket.write(text_frame(protocol.closing(reason, AGAIN_MS + random.randrange(AGAIN_MS))))
    socket.close(1013, reason)
