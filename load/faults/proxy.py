"""A wire to a server that can be made bad: it delays, it loses, it is cut. It counts what it did."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal, cast
from urllib.parse import urlsplit, urlunsplit

Loss = Literal["reply", "request"]
"""The part that is lost of the exchange whose request holds the marker: the answer to it, or the request itself. Then
the connection is cut."""
TAIL = 64
"""Bytes of a request that are kept, lest a marker lie across two pieces."""


class Proxy:
    """Forwards connections made to `url` to the server of the URL that it was made for."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._wires: set[Wire] = set()
        self._loss: tuple[Loss, bytes] | None = None
        self._struck: asyncio.Future[None] | None = None
        self._one_at_a_time = asyncio.Lock()
        self.delay_s = 0.0
        self.delayed = 0
        """Pieces that came later for it."""

    @property
    def url(self) -> str:
        user, at, _ = self._target.netloc.rpartition("@")
        return urlunsplit(self._target._replace(netloc=f"{user}{at}127.0.0.1:{self._port}"))

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self.wire, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> int:
        """Cuts every connection; how many there were."""
        wires = list(self._wires)
        for wire in wires:
            wire.cut()
        return len(wires)

    def lose_next(self, loss: Loss, marker: bytes) -> None:
        """The next exchange whose request holds `marker` is lost."""
        self._loss = (loss, marker)

    async def lose(self, loss: Loss, marker: bytes, within_s: float) -> bool:
        """As `lose_next`, and waits for it. Gives False when there was none `within_s`: then none is lost any more."""
        async with self._one_at_a_time:
            self.lose_next(loss, marker)
            self._struck = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(within_s):
                    await self._struck
                return True
            except TimeoutError:
                return False
            finally:
                self._loss = self._struck = None

    @contextlib.asynccontextmanager
    async def slow(self, delay_s: float) -> AsyncIterator[None]:
        """Within the block everything arrives later by `delay_s`, each way."""
        self.delay_s = delay_s
        try:
            yield
        finally:
            self.delay_s = 0.0

    # For the wires

    def wire(self) -> Wire:
        """For a connection that is made."""
        return Wire(self)

    def loses(self, request: bytes) -> Loss | None:
        if self._loss is None or self._loss[1] not in request:
            return None
        loss, self._loss = self._loss[0], None
        return loss

    def struck(self, loss: Loss) -> None:
        """An exchange was lost, and its connection cut."""
        if self._struck is not None and not self._struck.done():
            self._struck.set_result(None)


class Wire(asyncio.Protocol):
    """One connection: the side of whoever made it, and the whole of it."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self._transport: asyncio.Transport | None = None
        self._far: _Far | None = None
        self._early: list[bytes] = []
        self._tail = b""
        self._loss: Loss | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._until = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.proxy._wires.add(self)
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        loop, target = asyncio.get_running_loop(), self.proxy._target
        try:
            _, self._far = await loop.create_connection(lambda: _Far(self), target.hostname or "", target.port or 0)
        except OSError:
            self.cut()
            return
        early, self._early = self._early, []
        for data in early:
            self._far.later(data)

    def data_received(self, data: bytes) -> None:
        if self.proxy._loss is not None:
            self._loss = self._loss or self.proxy.loses(self._tail + data)
            self._tail = data[-TAIL:]
        if self._loss == "request":
            self.cut()
            self.proxy.struck("request")
        else:
            self.forward(data)

    def forward(self, data: bytes) -> None:
        """To the server, once it is reached."""
        if self._far is None:
            self._early.append(data)
        else:
            self._far.later(data)

    def replied(self, data: bytes) -> None:
        if self._loss == "reply":
            self.cut()
            self.proxy.struck("reply")
        elif self._transport is not None:
            self._until = _later(self.proxy, self._transport, data, self._until)

    def connection_lost(self, error: Exception | None) -> None:
        self.cut()

    def cut(self) -> None:
        self.proxy._wires.discard(self)
        if self._connecting is not None:
            self._connecting.cancel()
        for transport in (self._transport, self._far.transport if self._far is not None else None):
            if transport is not None:
                transport.abort()


class _Far(asyncio.Protocol):
    """The side of the server."""

    def __init__(self, near: Wire) -> None:
        self._near = near
        self.transport: asyncio.Transport | None = None
        self._until = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._near.replied(data)

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        self._near.cut()

    def later(self, data: bytes) -> None:
        if self.transport is not None:
            self._until = _later(self._near.proxy, self.transport, data, self._until)


def _later(proxy: Proxy, transport: asyncio.Transport, data: bytes, until: float) -> float:
    """Writes `data`, now or delayed, never before what is to be written at `until`; gives the new one."""
    loop = asyncio.get_running_loop()
    now = loop.time()
    if not proxy.delay_s and until <= now:
        transport.write(data)
        return until
    proxy.delayed += 1
    until = max(until + 0.001, now + proxy.delay_s)
    loop.call_at(until, _write, transport, data)
    return until


def _write(transport: asyncio.Transport, data: bytes) -> None:
    if not transport.is_closing():
        transport.write(data)
