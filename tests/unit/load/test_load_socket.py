"""Our WebSocket client against the server of the `websockets` library, and beside its client."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop
from websockets.asyncio.client import connect as library_connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from tavola.load.transport.websocket import ClientSocket, HandshakeRefused, client_frame, connect

Handler = Callable[[ServerConnection], Awaitable[None]]
PROTOCOL = (("Sec-WebSocket-Protocol", "tavola.v1"),)
SIZES = [0, 1, 125, 126, 127, 65535, 65536, 300_000]


@contextlib.asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[str]:
    async with serve(handler, "127.0.0.1", 0, subprotocols=[Subprotocol("tavola.v1")], max_size=None) as running:
        port = next(iter(running.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/ws"


class Inbox:
    """The messages that a socket received, to be awaited."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[bytes] = asyncio.Queue()
        self.closed: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    @contextlib.asynccontextmanager
    async def open(self, url: str) -> AsyncIterator[ClientSocket]:
        socket = await connect(
            url, self.messages.put_nowait, lambda code, reason: self.closed.set_result((code, reason)), headers=PROTOCOL
        )
        try:
            yield socket
        finally:
            socket.abort()
            await self.closed


async def echo(connection: ServerConnection) -> None:
    assert connection.subprotocol == "tavola.v1"
    async for message in connection:
        await connection.send(message)


@pytest.mark.parametrize("size", SIZES)
def test_messages_of_every_length_form_come_back(size: int) -> None:
    async def scene() -> None:
        async with server(echo) as url:
            inbox = Inbox()
            message = ("ä" + "x" * size).encode()[:size] if size > 1 else b"x" * size
            async with inbox.open(url) as socket:
                socket.send(message)
                assert await inbox.messages.get() == message
                socket.close()
                assert await inbox.closed == (1000, "")

    uvloop.run(scene())


def test_fragments_are_put_together_with_a_ping_between_them() -> None:
    async def fragments(connection: ServerConnection) -> None:
        async def parts() -> AsyncIterator[str]:
            yield "one "
            await (await connection.ping())
            yield "two "
            yield "three"

        await connection.send(parts())
        await connection.send("whole")

    async def scene() -> None:
        async with server(fragments) as url:
            inbox = Inbox()
            async with inbox.open(url):
                assert await inbox.messages.get() == b"one two three"
                assert await inbox.messages.get() == b"whole"

    uvloop.run(scene())


def test_a_ping_is_answered_and_a_close_code_told() -> None:
    async def handler(connection: ServerConnection) -> None:
        await (await connection.ping(b"there?"))
        await connection.close(4503, "too slow")
        assert connection.close_code == 4503

    async def scene() -> None:
        async with server(handler) as url:
            inbox = Inbox()
            async with inbox.open(url):
                assert await inbox.closed == (4503, "too slow")

    uvloop.run(scene())


def test_a_connection_that_is_cut_is_lost_without_a_code() -> None:
    async def handler(connection: ServerConnection) -> None:
        connection.transport.abort()

    async def scene() -> None:
        async with server(handler) as url:
            inbox = Inbox()
            async with inbox.open(url):
                assert (await inbox.closed)[0] == 1006

    uvloop.run(scene())


def test_a_refused_handshake_tells_its_status() -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(503, "full\n")

    async def scene() -> None:
        async with serve(echo, "127.0.0.1", 0, process_request=refuse) as running:
            port = next(iter(running.sockets)).getsockname()[1]
            inbox = Inbox()
            with pytest.raises(HandshakeRefused) as refused:
                async with inbox.open(f"ws://127.0.0.1:{port}/ws"):
                    pass
            assert refused.value.status == 503
            assert not inbox.closed.done()

    uvloop.run(scene())


@pytest.mark.parametrize(("answers", "expected"), [(False, TimeoutError), (True, HandshakeRefused)])
def test_a_server_that_never_answers_or_hangs_up(answers: bool, expected: type[Exception]) -> None:
    async def scene() -> None:
        gone = asyncio.Event()

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if not answers:
                with contextlib.suppress(ConnectionError):
                    await reader.read()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            gone.set()

        async with await asyncio.start_server(handler, "127.0.0.1", 0) as running:
            url = f"ws://127.0.0.1:{running.sockets[0].getsockname()[1]}/ws"
            with pytest.raises(expected):
                await connect(url, lambda _: None, lambda _code, _reason: None, timeout_s=0.2)
            await gone.wait()

    uvloop.run(scene())


def test_both_clients_see_the_same() -> None:
    messages = ["", "a", "ü" * 200, "x" * 70_000, '{"type":"update"}'] * 5

    async def tell(connection: ServerConnection) -> None:
        for message in messages:
            await connection.send(message)

    async def scene() -> None:
        async with server(tell) as url:
            inbox = Inbox()
            async with inbox.open(url):
                ours = [await inbox.messages.get() for _ in messages]
            async with library_connect(url, subprotocols=[Subprotocol("tavola.v1")], max_size=None) as library:
                theirs = [(await library.recv(decode=False)) for _ in messages]
            assert ours == theirs

    uvloop.run(scene())


class Wire(asyncio.Transport):
    """The socket's other end, in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


def in_memory(received: list[bytes], lost: list[tuple[int, str]]) -> tuple[ClientSocket, Wire]:
    socket, wire = ClientSocket(received.append, lambda code, reason: lost.append((code, reason))), Wire()
    socket.connection_made(wire)
    socket.request("host", "/ws", PROTOCOL)
    key = wire.written.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    for byte in answer:
        socket.data_received(bytes((byte,)))
    wire.written = b""
    return socket, wire


def plain(payload: bytes) -> bytes:
    """A server's text frame: as a client's with a mask of zeros, but for the mask."""
    head = client_frame(1, payload, b"")[: -len(payload) or None]
    return head[:1] + bytes((head[1] & 0x7F,)) + head[2:] + payload


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000, 10**6])
def test_it_does_not_matter_how_the_bytes_are_cut(piece: int) -> None:
    async def scene() -> None:
        messages = [b"", b"a" * 125, b"b" * 126, b"c" * 2000, b"d"]
        data = b"".join(map(plain, messages))
        received: list[bytes] = []
        socket, _ = in_memory(received, [])
        for start in range(0, len(data), piece):
            socket.data_received(data[start : start + piece])
        assert received == messages

    uvloop.run(scene())


@pytest.mark.parametrize("broken", [b"\x81\x81abcdx", b"\x83\x00", b"\x80\x00", b"\x82\x01x"])
def test_what_is_not_the_protocol_ends_the_connection(broken: bytes) -> None:
    async def scene() -> None:
        received: list[bytes] = []
        lost: list[tuple[int, str]] = []
        socket, wire = in_memory(received, lost)
        socket.data_received(broken)
        assert wire.closed
        socket.connection_lost(None)
        assert lost[0][0] == 1002
        assert received == []

    uvloop.run(scene())


def test_a_wrong_answer_to_the_key_is_refused() -> None:
    async def scene() -> None:
        socket, wire = ClientSocket(lambda _: None, lambda _code, _reason: None), Wire()
        socket.connection_made(wire)
        socket.request("host", "/ws", ())
        socket.data_received(b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: nonsense\r\n\r\n")
        with pytest.raises(HandshakeRefused):
            await socket.opened

    uvloop.run(scene())
