"""uvicorn's WebSocket, with a short way in and out.

uvicorn takes a protocol class of ours. This one does the handshake as its own does; once the application has accepted
and attached a handler (by the ASGI extension `tavola.direct`), whole messages go straight to it, and ready-made frames
straight to the transport. A server's frames are not masked, so one encoded frame serves every socket that is to see the
same. Measured, six sends through ASGI cost about 110 µs more than six writes of ready bytes.

The application may return once it has attached a handler: the socket stays open, and what its handshake left behind
(the application's frames, the request, the parser: two thirds of a socket's memory) goes.
"""

from __future__ import annotations

import codecs
import socket
from collections.abc import Callable
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
"""Bytes that wait for a client, above which their pings are not answered."""

TURN = 64
"""Frames of one socket that are taken before the others have their turn."""
UNHEARD_MS = 5_000
"""Milliseconds after which a client's host that acknowledges nothing is gone."""
IDLE_S = 15
"""Seconds after which the host of a client to which nothing was sent is asked whether it is there."""
AFTER_CLOSE_LIMIT = 128 * 1024
"""Bytes in which a client's answer to our goodbye is looked for."""

_CONTINUED, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_WHOLE, _MASKED, _RESERVED, _OPCODE, _SIZE = 0x80, 0x80, 0x70, 0x0F, 0x7F
_WHOLE_TEXT = _WHOLE | _TEXT
_CONTROL_LIMIT = 125
_NOT_SENT = frozenset((1004, 1005, 1006, 1015))
"""Close codes that mean something, but never in a frame (section 7.4.1)."""


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
        """A whole message came in; text is UTF-8."""

    def aside(self) -> bool:
        """A frame came in that is no message: a ping, say, or a part that others follow. Whether it may be answered."""

    def gone(self) -> None:
        """The connection is closed; nothing more comes or goes."""


def notice_the_gone(connection: socket.socket | None) -> None:
    """Have the kernel end a connection whose other end is gone without a goodbye: when what was sent is not
    acknowledged for `UNHEARD_MS`, or when nothing was sent and it does not answer to being asked. To the kernel
    a client is gone, too, that reads nothing for so long while its buffers are full."""
    if connection is None or connection.family == socket.AF_UNIX:
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_USER_TIMEOUT, UNHEARD_MS),
        (socket.TCP_KEEPIDLE, IDLE_S),
        (socket.TCP_KEEPINTVL, UNHEARD_MS // 1000),
        (socket.TCP_KEEPCNT, 1),
    ):
        connection.setsockopt(socket.IPPROTO_TCP, option, value)


class DirectWebSocket(WebSocketsSansIOProtocol):
    """`attach` a handler once the application has accepted; what the client sent meanwhile comes first."""

    when_lost: Callable[[], None] | None = None
    """Called when the connection is gone."""
    _handler: Handler | None = None
    _upgraded = False
    _unread: bytearray | None = None
    """The beginning of a frame; before a handler is there, everything."""
    _awaited = 0
    """Bytes of `unread` that make the frame whole, where its head told."""
    _message: bytearray | None = None
    """A message that comes in several frames, so far."""
    _decoder: codecs.IncrementalDecoder | None = None
    """Of that message, if it is text."""
    _skip, _to_look_at = 0, AFTER_CLOSE_LIMIT
    """After our goodbye: what is left of a frame that nobody wants, and how much is still looked at."""
    _backed_up = False
    """The transport holds bytes that the client has not read."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self._upgraded = True
            notice_the_gone(self.transport.get_extra_info("socket"))
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
        """The methods that uvicorn still calls do nothing from now on."""
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
        elif self.close_sent:
            self._look_for_goodbye(data)
        elif self._handler is None:
            self._keep_early(data)
        elif self._unread is None:
            self._read(data)
        else:
            self._unread += data
            if len(self._unread) >= self._awaited:
                data, self._unread, self._awaited = bytes(self._unread), None, 0
                self._read(data)

    def _keep_early(self, data: bytes) -> None:
        self._unread = (self._unread or bytearray()) + data
        if len(self._unread) > EARLY_LIMIT:
            self.transport.abort()

    def _read(self, data: bytes) -> None:
        """Takes the whole frames in `data` and keeps the rest. A fault in a frame is seen as soon as its head is
        there."""
        handler, start, end, left = self._handler, 0, len(data), TURN
        assert handler is not None
        while end - start >= 2:
            first, second = data[start], data[start + 1]
            ordinary = first == _WHOLE_TEXT and second >= _MASKED and self._message is None
            if not ordinary and (wrong := _wrong(first, second, self._message is not None)):
                self.close(1002, wrong)
                break
            size, body = second & _SIZE, start + 6
            if size > _CONTROL_LIMIT:
                body += 2 if size == 126 else 8
                if end < body - 4:
                    break
                size = int.from_bytes(data[start + 2 : body - 4], "big")
                if self._refuses(size, second):
                    break
            stop = body + size
            if stop > end:
                self._awaited = stop - start
                break
            payload = apply_mask(data[body:stop], data[body - 4 : body])
            start = stop
            if not ordinary:
                self._frame(first & _OPCODE, first >= _WHOLE, payload)
            elif payload.isascii() or _is_utf8(payload):
                handler.message(payload, True)
            else:
                self.close(1007, "text is UTF-8")
            left -= 1
            if self.close_sent or not left:
                break
        if self.close_sent:
            self._look_for_goodbye(data[start:])
        elif start < end:
            self._unread = bytearray(data[start:])
            if not left:
                self.transport.pause_reading()
                self.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()
            self.data_received(b"")

    def _refuses(self, size: int, second: int) -> bool:
        """Whether a frame of that size, which its head writes in two bytes or eight, is the end of the connection."""
        if size < 126 or (second & _SIZE == 127 and not 0xFFFF < size < 1 << 63):
            self.close(1002, "a length is not written as it should be")
        elif size + len(self._message or b"") > self.config.ws_max_size:
            self.close(1009, "message too big")
        return self.close_sent

    def _frame(self, opcode: int, whole: bool, payload: bytes) -> None:
        """A frame whose head is as it should be, but for a message that is whole and text."""
        assert self._handler is not None
        if opcode <= _BINARY and whole and self._message is None:
            self._handler.message(payload, False)
        elif opcode <= _BINARY:
            self._part(opcode, whole, payload)
        elif opcode == _CLOSE:
            self._goodbye(payload)
        elif self._handler.aside() and opcode == _PING and self.unsent < PONG_LIMIT:
            # One answer will do for all the pings of a client who does not read (RFC 6455 section 5.5.3).
            self.write(frame(_PONG, payload))

    def _part(self, opcode: int, whole: bool, payload: bytes) -> None:
        """One frame of a message that comes in several. Text that is no UTF-8 is known by the part that breaks it."""
        if opcode != _CONTINUED:
            self._message, self._decoder = bytearray(), _Utf8() if opcode == _TEXT else None
        assert self._handler is not None
        assert self._message is not None
        self._message += payload
        if len(self._message) > self.config.ws_max_size:
            self.close(1009, "message too big")
        elif self._decoder is not None and not _continues(self._decoder, payload, whole):
            self.close(1007, "text is UTF-8")
        elif not whole:
            self._handler.aside()
        else:
            message, is_text = bytes(self._message), self._decoder is not None
            self._message = self._decoder = None
            self._handler.message(message, is_text)

    def _goodbye(self, payload: bytes) -> None:
        """The client says it first. A client that does not read the answer is not waited for."""
        if wrong := _wrong_goodbye(payload):
            self.close(1002, wrong)
            return
        self._end(frame(_CLOSE, payload[:2]))
        self.transport.close()

    def _look_for_goodbye(self, data: bytes) -> None:
        """After ours nothing but the client's counts; nothing else is kept, and of what does not end not much is read.
        The connection is cut in time, whatever comes."""
        if self.transport.is_closing():
            return
        self._to_look_at -= len(data)
        if self._to_look_at < 0:
            self.transport.pause_reading()
            return
        data = bytes(self._unread or b"") + data
        start, end, self._unread = self._skip, len(data), None
        while end - start >= 2:
            first, second = data[start], data[start + 1]
            if first & _OPCODE == _CLOSE:
                self.transport.close()
                return
            size, body = second & _SIZE, start + (6 if second & _MASKED else 2)
            if size > _CONTROL_LIMIT:
                length = 2 if size == 126 else 8
                if end - start < 2 + length:
                    break
                size, body = int.from_bytes(data[start + 2 : start + 2 + length], "big"), body + length
            start = body + size
        self._skip = max(0, start - end)
        self._unread = bytearray(data[start:]) or None

    def shutdown(self) -> None:
        if self._upgraded:
            self.close(1012, "the server restarts")
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._let_go()
        if self.when_lost is not None:
            self.when_lost()

    def _let_go(self) -> None:
        """Gives up the bytes that were held of the client's, and the handler."""
        self._unread = self._message = self._decoder = None
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
        self._end(frame(_CLOSE, code.to_bytes(2, "big") + reason.encode()[:123]))

    def _end(self, goodbye: bytes) -> None:
        self.transport.write(goodbye)
        self.close_sent = True
        self.close_timer = self.loop.call_later(CLOSE_WITHIN_S, self.transport.abort)
        if self._awaited:
            self._skip = self._awaited - len(self._unread or b"")
        self._let_go()


_Utf8 = codecs.getincrementaldecoder("utf-8")


def _wrong(first: int, second: int, within: bool) -> str:
    """The fault in a frame that begins with these two bytes, `within` a message of several frames or not."""
    opcode = first & _OPCODE
    if first & _RESERVED:
        return "a reserved bit is set"
    if second < _MASKED:
        return "a client's frame is not masked"
    if _BINARY < opcode < _CLOSE or opcode > _PONG:
        return "an unknown frame"
    if opcode >= _CLOSE:
        return "" if first >= _WHOLE and second & _SIZE <= _CONTROL_LIMIT else "a control frame is short and whole"
    if within:
        return "a message within a message" if opcode else ""
    return "" if opcode else "nothing to continue"


def _wrong_goodbye(payload: bytes) -> str:
    """The fault in the payload of a close frame (RFC 6455 section 7.4); empty when there is none."""
    if not payload:
        return ""
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not (1000 <= code < 1016 or 3000 <= code < 5000) or code in _NOT_SENT:
        return "no close code"
    return "" if _is_utf8(payload[2:]) else "a reason is UTF-8"


def _continues(decoder: codecs.IncrementalDecoder, part: bytes, last: bool) -> bool:
    try:
        decoder.decode(part, last)
    except UnicodeDecodeError:
        return False
    return True


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
