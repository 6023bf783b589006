"""A connection of which a test writes every byte, and an edge's servers to talk to, without what is behind an edge."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.speedups import apply_mask

from tavola.config.settings import Settings
from tavola.edge.app import MESSAGE_LIMIT, configured
from tavola.edge.rest.rest import hung_up
from tavola.edge.ws.websocket import EXTENSION, DirectWebSocket, frame

WITHIN_S = 20.0
CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
Frame = tuple[int, bytes]


def client_frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True, width: int = 0
) -> bytes:
    """One frame of a client. `width` forces its length to be written in 2 or 8 bytes."""
    size = len(payload)
    width = width or (0 if size < 126 else 2 if size < 65536 else 8)
    written = {0: size, 2: 126, 8: 127}[width]
    head = bytes((fin << 7 | rsv << 4 | opcode, masked << 7 | written)) + (
        size.to_bytes(width, "big") if width else b""
    )
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + apply_mask(payload, mask)


def goodbye(code: int, reason: bytes = b"") -> bytes:
    """The payload of a close frame."""
    return struct.pack("!H", code) + reason


class Wire:
    """A TCP connection, and what came on it that was not taken yet. From another `source` it is another client."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), WITHIN_S, (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._came = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def floods(self, data: bytes, times: int) -> int:
        """Writes it so often, or until the other end is gone: how often it could be written."""
        for number in range(times):
            try:
                self.socket.sendall(data)
            except ConnectionError:
                return number
        return times

    def hangs_up(self, last: bytes = b"") -> None:
        """Writes that and no more; what comes can still be read. The other end may have hung up already."""
        with suppress(OSError):
            self.socket.sendall(last)
            self.socket.shutdown(socket.SHUT_WR)

    def opens(self, path: str = "/", headers: str = "") -> str:
        """The WebSocket handshake; gives the status line that it is answered with."""
        key = base64.b64encode(os.urandom(16)).decode()
        self.send(
            f"GET {path} HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n".encode()
        )
        return self.head().partition("\r\n")[0]

    def head(self) -> str:
        """The head of the answer that comes next."""
        while b"\r\n\r\n" not in self._came:
            if not self._more():
                break
        head, _, self._came = self._came.partition(b"\r\n\r\n")
        return head.decode("latin-1")

    def rest(self) -> bytes:
        """All that comes until the other end hangs up."""
        while self._more():
            pass
        came, self._came = self._came, b""
        return came

    def take(self, size: int) -> bytes:
        """The next bytes; fewer if the other end hangs up."""
        self._has(size)
        taken, self._came = self._came[:size], self._came[size:]
        return taken

    def frame(self) -> Frame | None:
        """The next frame of the server; None when it has hung up instead."""
        if not self._has(2):
            return None
        size, body = self._came[1], 2
        assert size < 128, "a server does not mask"
        if size > 125:
            body += 2 if size == 126 else 8
            assert self._has(body)
            size = int.from_bytes(self._came[2:body], "big")
        assert self._has(body + size)
        first, payload = self._came[0], self._came[body : body + size]
        self._came = self._came[body + size :]
        assert first & 0x80, "we send no parts"
        return first & 0x0F, payload

    def frames(self) -> Iterator[Frame]:
        """All frames until the server hangs up."""
        while (frame := self.frame()) is not None:
            yield frame

    def code(self) -> int:
        """The code with which the server closes; 1006 if it hangs up without a word."""
        for opcode, payload in self.frames():
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big")
        return 1006

    def _has(self, size: int) -> bool:
        parts, there = [self._came], len(self._came)
        while there < size:
            part = self._receive()
            if not part:
                break
            parts.append(part)
            there += len(part)
        self._came = b"".join(parts)
        return there >= size

    def _more(self) -> bool:
        part = self._receive()
        self._came += part
        return bool(part)

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(1 << 18)
        except ConnectionError:
            return b""


class Echo:
    """Says again what it hears, and counts what else comes."""

    def __init__(self, direct: DirectWebSocket) -> None:
        self.direct = direct
        self.asides = 0
        self.most_in_a_turn = 0
        """Messages that came before anybody else had a turn."""
        self.ended = threading.Event()
        self._in_this_turn = 0

    def message(self, data: bytes, is_text: bool) -> None:
        self.direct.write(frame(TEXT if is_text else BINARY, data))
        if not self._in_this_turn:
            self.direct.loop.call_soon(self._turn_ends)
        self._in_this_turn += 1

    def _turn_ends(self) -> None:
        self.most_in_a_turn = max(self.most_in_a_turn, self._in_this_turn)
        self._in_this_turn = 0

    def aside(self) -> bool:
        self.asides += 1
        return True

    def gone(self) -> None:
        self.ended.set()


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    direct: DirectWebSocket = websocket.scope["extensions"][EXTENSION]
    direct.attach(Echo(direct))


class Served:
    """A server that runs. `state` is uvicorn's."""

    def __init__(self, server: uvicorn.Server, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.state = server.server_state
        self.port: int = server.servers[0].sockets[0].getsockname()[1]

    def until(self, holds: Callable[[], object]) -> None:
        """Waits until that holds, as the server's own thread sees it."""
        done = threading.Event()

        def look() -> None:
            if holds():
                done.set()
            else:
                self._loop.call_later(0.01, look)

        self._loop.call_soon_threadsafe(look)
        assert done.wait(WITHIN_S)

    def echoes(self) -> list[Echo]:
        """Of the sockets that are open."""
        sockets = [each for each in self.state.connections if isinstance(each, DirectWebSocket)]
        return [each._handler for each in sockets if isinstance(each._handler, Echo)]


@contextmanager
def serving(*routes: BaseRoute, largest: int = MESSAGE_LIMIT, **settings: Any) -> Iterator[Served]:
    """The server that an edge listens with, in a thread of its own; at `/` sockets are echoed."""
    app = Starlette(routes=[*routes, WebSocketRoute("/", echo)], exception_handlers={ClientDisconnect: hung_up})
    config = configured(app, Settings(port=0, **settings))
    config.ws_max_size = largest
    server = uvicorn.Server(config)
    started: Future[asyncio.AbstractEventLoop] = Future()
    startup = server.startup

    async def starting(sockets: list[socket.socket] | None = None) -> None:
        await startup(sockets)
        started.set_result(asyncio.get_running_loop())

    server.startup = starting  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield Served(server, started.result(WITHIN_S))
    finally:
        server.should_exit = True
        thread.join()
