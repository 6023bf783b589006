"""A WebSocket client (RFC 6455) as one asyncio protocol: as little work per frame as Python allows.

The `websockets` library gives each connection two tasks and each message a future. With thousands of sockets beside
the server that they measure, that is most of the bill; here a frame costs a slice and a call. Extensions are not
offered, so frames arrive uncompressed.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import random
from collections.abc import Callable, Iterable
from typing import cast
from urllib.parse import urlsplit

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FIN = 0x80
WHOLE_TEXT = FIN | TEXT
LOST = 1006
"""The close code of a connection that ended without a close frame."""
MAX_MESSAGE = 16 << 20
"""Bytes of a message; a longer one ends the connection (1009)."""
MAX_UNSENT = 1 << 20
"""Bytes written that the server has not taken; with more the connection is dropped."""


class HandshakeRefused(ConnectionError):
    """The server did not switch to WebSocket. `status` is its HTTP status, 0 if there was none."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"WebSocket handshake refused: {status} {reason}".rstrip())
        self.status = status


def client_frame(opcode: int, payload: bytes, mask: bytes) -> bytes:
    """One masked, final frame. `mask` is 4 bytes."""
    size = len(payload)
    if size < 126:
        head = bytes((FIN | opcode, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((FIN | opcode, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((FIN | opcode, 0xFF)) + size.to_bytes(8, "big")
    key = (mask * (size // 4 + 1))[:size]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return head + mask + masked.to_bytes(size, "big")


class ClientSocket(asyncio.Protocol):
    """One connection. `receive` is called with each text message, `lost` once with the close code and reason.

    Neither may raise. Pings are answered. Bytes that the server does not read are bounded by `MAX_UNSENT`; beyond that
    the connection is dropped as lost.
    """

    def __init__(self, receive: Callable[[bytes], None], lost: Callable[[int, str], None]) -> None:
        self._receive = receive
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._unread = b""
        self._parts: list[bytes] = []
        self._key = base64.b64encode(os.urandom(16))
        self._code = LOST
        self._reason = ""
        self._closing = False
        self._upgraded = False
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def send(self, payload: bytes) -> None:
        """Writes one text message. After `close` or a lost connection it goes nowhere, and says nothing."""
        self._write(TEXT, payload)

    def close(self, code: int = 1000) -> None:
        """Says goodbye; `lost` follows when the server has answered, or at `abort`."""
        if not self._closing:
            self._write(CLOSE, code.to_bytes(2, "big"))
            self._closing = True

    def abort(self) -> None:
        """Drops the connection without a word, as a cable does that is cut."""
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        """Reads nothing until `resume`."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def request(self, host: str, path: str, headers: Iterable[tuple[str, str]]) -> None:
        """Sends the opening handshake; `opened` is resolved by its answer."""
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {self._key.decode()}",
            "Sec-WebSocket-Version: 13",
            *(f"{name}: {value}" for name, value in headers),
        ]
        assert self._transport is not None
        self._transport.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=MAX_UNSENT)

    def pause_writing(self) -> None:
        self.abort()

    def data_received(self, data: bytes) -> None:
        if self._unread:
            data = self._unread + data
            self._unread = b""
        if not self._upgraded:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._unread = head
                return
            self._finish_handshake(head)
            if not self._upgraded:
                return
        start, end_of_data = 0, len(data)
        while end_of_data - start >= 2:
            first, size, body = data[start], data[start + 1], start + 2
            if size >= 126:
                if size > 127:
                    self._fail(1002, "masked frame from the server")
                    return
                body += 2 if size == 126 else 8
                if body > end_of_data:
                    break
                size = int.from_bytes(data[start + 2 : body], "big")
                if size > MAX_MESSAGE:
                    self._fail(1009, "message too big")
                    return
            stop = body + size
            if stop > end_of_data:
                break
            if first == WHOLE_TEXT and not self._parts:
                self._receive(data[body:stop])
            else:
                self._other(first, data[body:stop])
            start = stop
        if start < end_of_data:
            self._unread = data[start:] if start else data

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self.opened.done():
            self.opened.set_exception(HandshakeRefused(0, "connection closed"))
        elif self._upgraded:
            self._lost(self._code, self._reason)

    # Inside

    def _write(self, opcode: int, payload: bytes) -> None:
        if self._transport is not None and not self._closing:
            # The mask keeps a browser's page from writing bytes of its choice through a proxy; it is no secret of ours.
            self._transport.write(client_frame(opcode, payload, random.getrandbits(32).to_bytes(4, "big")))

    def _other(self, first: int, payload: bytes) -> None:
        opcode = first & 0x0F
        if opcode == PING:
            self._write(PONG, payload)
        elif opcode == CLOSE:
            self._code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            self._reason = payload[2:].decode("utf-8", "replace")
            self._write(CLOSE, payload[:2])
            self._closing = True
            if self._transport is not None:
                self._transport.close()
        elif opcode == TEXT or (opcode == CONTINUATION and self._parts):
            self._parts.append(payload)
            if sum(map(len, self._parts)) > MAX_MESSAGE:
                self._fail(1009, "message too big")
            elif first & FIN:
                message, self._parts = b"".join(self._parts), []
                self._receive(message)
        elif opcode != PONG:
            self._fail(1002, f"unexpected frame {first:#x}")

    def _fail(self, code: int, reason: str) -> None:
        self._code, self._reason = code, reason
        self.close(code)
        if self._transport is not None:
            self._transport.close()

    def _finish_handshake(self, head: bytes) -> None:
        status_line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        words = status_line.split(" ", 2)
        status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
        accept = base64.b64encode(hashlib.sha1(self._key + GUID).digest()).decode()
        if status == 101 and headers.get("sec-websocket-accept") == accept:
            self._upgraded = True
            if not self.opened.done():
                self.opened.set_result(None)
            return
        if not self.opened.done():
            self.opened.set_exception(HandshakeRefused(status, words[2] if len(words) > 2 else ""))
        self.abort()


async def connect(
    url: str,
    receive: Callable[[bytes], None],
    lost: Callable[[int, str], None],
    *,
    headers: Iterable[tuple[str, str]] = (),
    timeout_s: float = 10.0,
) -> ClientSocket:
    """An open socket to a `ws://` or `wss://` address.

    Raises OSError (HandshakeRefused is one) or TimeoutError; then `lost` is not called.
    """
    parts = urlsplit(url)
    secure = parts.scheme == "wss"
    port = parts.port or (443 if secure else 80)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(timeout_s):
        _, socket = await loop.create_connection(
            lambda: ClientSocket(receive, lost), parts.hostname or "127.0.0.1", port, ssl=True if secure else None
        )
        try:
            socket.request(parts.netloc.rpartition("@")[2], parts.path or "/", headers)
            await socket.opened
        except BaseException:
            socket.abort()
            raise
    return socket


async def dial(
    url: str, receive: Callable[[bytes], None], lost: Callable[[int, str], None], subprotocol: str
) -> ClientSocket:
    """As `client.transport.Dialer` says."""
    return await connect(url, receive, lost, headers=(("Sec-WebSocket-Protocol", subprotocol),))
