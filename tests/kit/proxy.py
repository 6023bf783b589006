"""A TCP proxy of the tests' own, to stand between us and Postgres or Redis and lose things on purpose.

It counts what it did, so that a test can show that the fault happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, cast
from urllib.parse import urlsplit, urlunsplit

from kit.waiting import Pulse

Fault = Literal["reply", "request", "hold"]
"""The part that is lost of the exchange whose request carries the marker: its reply (the request is delivered), or
the request itself; then the connection is cut. `hold` delivers nothing until `release`."""


class Proxy:
    """Forwards connections made to `url` to the server of the URL it was made for."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._pairs: set[_Near] = set()
        self._marker: bytes | None = None
        self._fault: Fault = "reply"
        self._times = 0
        self.pulse = Pulse()
        self._away = False
        self.go_away_after_fault = False
        self.held = asyncio.Event()
        """Set when a request is being held."""
        self.closed = 0
        """How many connections have ended."""
        self.lost_replies = 0
        self.lost_requests = 0
        self.refused = 0
        """How often somebody came while it was away, or was cut off by that."""

    @property
    def url(self) -> str:
        user, at, _ = self._target.netloc.rpartition("@")
        return urlunsplit(self._target._replace(netloc=f"{user}{at}127.0.0.1:{self._port}"))

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Near(self), "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def go_away(self) -> None:
        """Cut everybody off and let nobody in; the port stays ours, so that nobody else can take it."""
        self._away = True
        for pair in list(self._pairs):
            self.refused += 1
            pair.cut()

    def come_back(self) -> None:
        self._away = self.go_away_after_fault = False

    def lose(self, fault: Fault, marker: str, times: int = 1) -> None:
        """The next `times` exchanges whose request holds `marker` suffer `fault`."""
        self._fault, self._marker, self._times = fault, marker.encode(), times

    def release(self) -> None:
        """Deliver what is held."""
        self.held.clear()
        for pair in list(self._pairs):
            pair.release()

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for pair in list(self._pairs):
            pair.cut()

    # For the connections

    def strikes(self, request: bytes) -> Fault | None:
        if self._marker is None or self._marker not in request or not self._times:
            return None
        self._times -= 1
        return self._fault

    def struck(self) -> None:
        """A fault has been done."""
        self.pulse.beat()
        if self.go_away_after_fault:
            self.go_away()


class _Near(asyncio.Protocol):
    """The side of whoever connected."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._transport: asyncio.Transport | None = None
        self._far: _Far | None = None
        self._waiting = b""
        self._seen = b""
        self._fault: Fault | None = None
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._proxy._away:
            self._proxy.refused += 1
            self._proxy.pulse.beat()
            self._transport.abort()
            return
        self._proxy._pairs.add(self)
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        target = self._proxy._target
        loop = asyncio.get_running_loop()
        _, self._far = await loop.create_connection(lambda: _Far(self), target.hostname or "", target.port or 0)
        self._forward(b"")

    def data_received(self, data: bytes) -> None:
        self._seen = (self._seen + data)[-65536:]
        if self._fault is None:
            self._fault = self._proxy.strikes(self._seen)
            if self._fault is not None:
                self._seen = b""
        if self._fault == "request":
            self._proxy.lost_requests += 1
            self.cut()
            self._proxy.struck()
        else:
            self._forward(data)

    def _forward(self, data: bytes) -> None:
        self._waiting += data
        if self._fault == "hold":
            self._proxy.held.set()
        elif self._far is not None and self._far.transport is not None and self._waiting:
            waiting, self._waiting = self._waiting, b""
            self._far.transport.write(waiting)

    def release(self) -> None:
        if self._fault == "hold":
            self._fault = None
            self._forward(b"")

    def replied(self, data: bytes) -> None:
        if self._fault == "reply":
            self._proxy.lost_replies += 1
            self.cut()
            self._proxy.struck()
        elif self._transport is not None:
            self._transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._proxy.closed += 1
        self._proxy.pulse.beat()
        self.cut()

    def cut(self) -> None:
        self._proxy._pairs.discard(self)
        if self._connecting is not None:
            self._connecting.cancel()
        for transport in (self._transport, self._far.transport if self._far is not None else None):
            if transport is not None:
                transport.abort()


class _Far(asyncio.Protocol):
    """The side of the server."""

    def __init__(self, near: _Near) -> None:
        self._near = near
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._near.replied(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        self._near.cut()


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[Proxy]:
    proxy = Proxy(url)
    await proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
