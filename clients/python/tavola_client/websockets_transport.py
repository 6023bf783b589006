"""A socket by the websockets library: its protocol as a plain object, without tasks, in one asyncio protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI, parse_uri

LOST = 1006
"""The close code of a connection that ended without a close frame."""
MAX_MESSAGE = 16 << 20
"""Bytes of a message; a longer one ends the connection (1009)."""
MAX_UNSENT = 1 << 20
"""Bytes written that the server has not taken; with more the connection is dropped."""
OPEN_WITHIN_S = 10.0


class HandshakeFailed(ConnectionError):
    """The server did not switch to WebSocket."""


class LibrarySocket(asyncio.Protocol):
    """As `transport.OpenSocket` says."""

    def __init__(
        self,
        uri: WebSocketURI,
        receive: Callable[[bytes], None],
        lost: Callable[[int, str], None],
        subprotocol: str,
    ) -> None:
        self._protocol = ClientProtocol(uri, subprotocols=[Subprotocol(subprotocol)], max_size=MAX_MESSAGE)
        self._receive = receive
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes] = []
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def send(self, payload: bytes) -> None:
        if self._transport is not None and self._protocol.state is OPEN:
            self._protocol.send_text(payload)
            self._write()

    def close(self, code: int = 1000) -> None:
        if self._transport is not None and self._protocol.state is OPEN:
            self._protocol.send_close(code)
            self._write()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=MAX_UNSENT)
        self._protocol.send_request(self._protocol.connect())
        self._write()

    def pause_writing(self) -> None:
        self.abort()

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        self._write()
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                self._answered()
            elif isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.CONT):
                self._take(event)
        if self._protocol.close_expected() and self._transport is not None:
            self._transport.close()

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._write()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self.opened.done():
            self.opened.set_exception(HandshakeFailed("the server hung up"))
        elif self.opened.exception() is None:
            self._protocol.receive_eof()
            self._lost(self._protocol.close_code or LOST, self._protocol.close_reason or "")

    # Inside

    def _answered(self) -> None:
        """The handshake was."""
        error = self._protocol.handshake_exc
        if self.opened.done():
            return
        if error is None:
            self.opened.set_result(None)
        else:
            self.opened.set_exception(HandshakeFailed(str(error)))
            self.abort()

    def _take(self, part: Frame) -> None:
        if part.fin and not self._parts:
            self._receive(bytes(part.data))
            return
        self._parts.append(bytes(part.data))
        if part.fin:
            message, self._parts = b"".join(self._parts), []
            self._receive(message)

    def _write(self) -> None:
        assert self._transport is not None
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()


async def dial(
    url: str, receive: Callable[[bytes], None], lost: Callable[[int, str], None], subprotocol: str
) -> LibrarySocket:
    """As `transport.Dialer` says."""
    uri = parse_uri(url)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(OPEN_WITHIN_S):
        _, socket = await loop.create_connection(
            lambda: LibrarySocket(uri, receive, lost, subprotocol), uri.host, uri.port, ssl=True if uri.secure else None
        )
        try:
            await socket.opened
        except BaseException:
            socket.abort()
            raise
    return socket
