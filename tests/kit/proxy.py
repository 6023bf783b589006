"""The wire that `tavola load` makes bad (`load/faults/proxy.py`), between us and Postgres or Redis. Tests need more
of it than losing: it holds requests, and it can be away.

It counts what it did, so that a test can show that the fault happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from kit.waiting import Pulse
from tavola.load.faults import proxy
from tavola.load.faults.proxy import Loss, Wire


class Proxy(proxy.Proxy):
    """Forwards connections made to `url` to the server of the URL it was made for."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._marker = b""
        self._times = 0
        self._holding: list[_Wire] = []
        self.pulse = Pulse()
        self.away = False
        self.go_away_after_fault = False
        self.held = asyncio.Event()
        """Set when a request is being held."""
        self.closed = 0
        """How many connections have ended."""
        self.lost_replies = 0
        self.lost_requests = 0
        self.refused = 0
        """How often somebody came while it was away, or was cut off by that."""

    def go_away(self) -> None:
        """Cut everybody off and let nobody in; the port stays ours, so that nobody else can take it."""
        self.away = True
        self.refused += self.cut()

    def come_back(self) -> None:
        self.away = self.go_away_after_fault = False

    def hold(self, marker: str, times: int = 1) -> None:
        """The next `times` requests that have `marker` are delivered on `release`, with what follows on their wires."""
        self._marker, self._times = marker.encode(), times

    def release(self) -> None:
        """Deliver what is held."""
        self.held.clear()
        holding, self._holding = self._holding, []
        for wire in holding:
            wire.release()

    # For the wires

    def wire(self) -> Wire:
        return _Wire(self)

    def struck(self, loss: Loss) -> None:
        super().struck(loss)
        if loss == "reply":
            self.lost_replies += 1
        else:
            self.lost_requests += 1
        self.pulse.beat()
        if self.go_away_after_fault:
            self.go_away()

    def holds(self, wire: _Wire, request: bytes) -> bool:
        if not self._times or self._marker not in request:
            return False
        self._times -= 1
        self._holding.append(wire)
        self.held.set()
        return True


class _Wire(Wire):
    def __init__(self, proxy: Proxy) -> None:
        super().__init__(proxy)
        self._tests = proxy
        self._held: list[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._tests.away:
            self._tests.refused += 1
            self._tests.pulse.beat()
            cast(asyncio.Transport, transport).abort()
        else:
            super().connection_made(transport)

    def forward(self, data: bytes) -> None:
        if self._held is None and self._tests.holds(self, data):
            self._held = []
        if self._held is None:
            super().forward(data)
        else:
            self._held.append(data)

    def release(self) -> None:
        held, self._held = self._held or [], None
        for data in held:
            super().forward(data)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._tests.closed += 1
        self._tests.pulse.beat()


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[Proxy]:
    proxy = Proxy(url)
    await proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
