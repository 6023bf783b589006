"""uvicorn's WebSocket, with a short way in and out.

uvicorn takes a protocol class of ours. This one does the handshake as its own does; once the application has accepted
and attached a handler (by the ASGI extension `tavola.direct`), whole messages go straight to it, and ready-made frames
straight to the transport. A server's frames are not masked, so one encoded frame serves every socket that is to see the
same. Measured, six sends through ASGI cost about 110 µs more than six writes of ready bytes.

The application may return once it has attached a handler: the socket stays open, and what its handshake left behind
(the application's frames, the request, the parser: two thirds of a socket's memory) goes.
"""

from __future__ import annotations

from typing import Any, Protocol

import structlog
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.speedups import apply_mask

log = structlog.get_logger()

EXTENSION = "tavola.direct"
CLOSE_WITHIN_S = 2.0
"""How long a client may take to answer our goodbye before it is cut."""
EARLY_LIMIT = 64 * 1024
"""Bytes that a client may send before it was accepted."""
PONG_LIMIT = 64 * 1024
"""Bytes that wait for a client, above which his pings are not answered."""

_CONTINUED, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes) -> bytes:
    """A whole, unmasked frame (RFC 6455 section 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65536:
        return bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big") + payload


def text_frame(payload: bytes) -> bytes:
    return frame(_TEXT, payload)


class _Nowhere:
    """In place of the application's queue and of its leave to write, when there is no application any more."""

    def put_nowait(self, event: object) -> None: ...

    def set(self) -> None: ...

    def clear(self) -> None: ...


_NOWHERE: Any = _Nowhere()


class Handler(Protocol):
    def message(self, data: bytes, is_text: bool) -> None:
        """A whole message came in."""

    def gone(self) -> None:
        """The connection is closed; nothing more comes or goes."""


class DirectWebSocket(WebSocketsSansIOProtocol):
    """`attach` a handler once the application has accepted; what the client sent meanwhile comes first."""

    _handler: Handler | None = None
    _upgraded = False
    _bytes = b""
    _message: bytearray | None = None
    """A message that comes in several frames, so far."""
    _message_is_text = True
    _backed_up = False
    """The transport holds bytes that the client has not read."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self._upgraded = True
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self

    async def run_asgi(self) -> None:
        """As uvicorn's, but that a socket with a handler outlives the application."""
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except Exception as error:
            log.exception("socket.handshake_failed", error=type(error).__name__)
        if not self.handshake_complete:
            self.send_500_response()
        if self._handler is None and self.close_timer is None:
            self.transport.close()
        self._forget_handshake()

    def _forget_handshake(self) -> None:
        """What uvicorn still calls does nothing from now on."""
        for name in ("conn", "request", "response", "scope"):
            self.__dict__.pop(name, None)
        self.queue, self.writable = _NOWHERE, _NOWHERE

    def attach(self, handler: Handler) -> None:
        self._handler = handler
        if self.disconnected:
            self._detach()
        else:
            self.data_received(b"")

    def data_received(self, data: bytes) -> None:
        if not self._upgraded:
            super().data_received(data)
            return
        buffer = self._bytes + data if self._bytes else data
        if self._handler is None and not self.close_sent:
            self._bytes = buffer
            if len(buffer) > EARLY_LIMIT:
                self.transport.abort()
            return
        start, end = 0, len(buffer)
        while end - start >= 2:
            first, second = buffer[start], buffer[start + 1]
            size, body = second & 0x7F, start + 2
            if size == 126:
                size, body = int.from_bytes(buffer[body : body + 2], "big"), body + 2
            elif size == 127:
                size, body = int.from_bytes(buffer[body : body + 8], "big"), body + 8
            if end < body + 4:
                break
            if first & 0x70 or not second & 0x80:
                self.close(1002, "not the WebSocket protocol")
                return
            if size > self.config.ws_max_size:
                self.close(1009, "message too big")
                return
            if end < body + 4 + size:
                break
            start = body + 4 + size
            payload = apply_mask(buffer[body + 4 : start], buffer[body : body + 4])
            self._frame(first & 0x0F, bool(first & 0x80), payload)
            if self.transport.is_closing():
                return
        self._bytes = buffer[start:] if start < end else b""

    def _frame(self, opcode: int, whole: bool, payload: bytes) -> None:
        if opcode in (_TEXT, _BINARY):
            if self._message is not None:
                self.close(1002, "a message within a message")
            elif whole:
                self._deliver(payload, opcode == _TEXT)
            else:
                self._message, self._message_is_text = bytearray(payload), opcode == _TEXT
        elif opcode == _CONTINUED:
            if self._message is None:
                self.close(1002, "nothing to continue")
                return
            self._message += payload
            if len(self._message) > self.config.ws_max_size:
                self.close(1009, "message too big")
            elif whole:
                message, self._message = bytes(self._message), None
                self._deliver(message, self._message_is_text)
        elif len(payload) > 125 or not whole:
            self.close(1002, "a control frame too big")
        elif opcode == _PING:
            # One answer will do for all the pings of a client who does not read (RFC 6455 section 5.5.3).
            if self.unsent < PONG_LIMIT:
                self.write(frame(_PONG, payload))
        elif opcode == _CLOSE:
            self.write(frame(_CLOSE, payload[:2]))
            self.close_sent = True
            self.transport.close()
        elif opcode != _PONG:
            self.close(1002, "an unknown frame")

    def _deliver(self, payload: bytes, is_text: bool) -> None:
        if self._handler is not None:
            self._handler.message(payload, is_text)

    def shutdown(self) -> None:
        self.close(1012, "the server restarts")
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._detach()

    def _detach(self) -> None:
        handler, self._handler = self._handler, None
        if handler is not None:
            handler.gone()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._backed_up = True

    def resume_writing(self) -> None:
        super().resume_writing()
        self._backed_up = False

    @property
    def unsent(self) -> int:
        """Bytes that wait for this client to read, where it is more than the transport takes without a word."""
        return self.transport.get_write_buffer_size() if self._backed_up else 0

    def write(self, frames: bytes) -> None:
        """Write ready-made frames; what is written after a close goes nowhere."""
        if not self.close_sent and not self.disconnected:
            self.transport.write(frames)

    def close(self, code: int, reason: str) -> None:
        """Say goodbye with `code`; the client may answer it, then the connection is closed."""
        if self.close_sent or self.disconnected:
            return
        self.transport.write(frame(_CLOSE, code.to_bytes(2, "big") + reason.encode()[:123]))
        self.close_sent = True
        self._bytes, self._message = b"", None
        self.close_timer = self.loop.call_later(CLOSE_WITHIN_S, self.transport.abort)
        self._detach()
