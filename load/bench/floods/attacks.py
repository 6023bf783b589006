"""Every flood: what one hostile connection does from its beginning to its end. They are done again and again, many at
once, by a process of their own (`load.bench.floods.flooder`). None of them needs more than an address; `messages` needs
a guest's token, which anybody is given.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from tavola.client.frames import encode
from tavola.load.transport.websocket import BINARY, CONTINUATION, FIN, PING, TEXT, client_frame

MASK = b"\x00\x00\x00\x00"
PATIENCE_S = 60.0


class Target(NamedTuple):
    host: str
    port: int
    source: str
    token: str


class Traffic:
    """Connections opened and bytes sent so far by a process of floods."""

    def __init__(self) -> None:
        self.connections = 0
        self.bytes = 0
        self.begun = asyncio.Event()


class FloodConnection:
    """One connection to the server. `gone` once the server has hung up, or said goodbye."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: Traffic) -> None:
        self._reader, self._writer, self._sent = reader, writer, sent
        self.gone = asyncio.create_task(self._listen())

    async def say(self, data: bytes) -> None:
        self._writer.write(data)
        self._sent.bytes += len(data)
        self._sent.begun.set()
        await self._writer.drain()

    async def repeat(self, data: bytes, pause_s: float = 0.0) -> None:
        """Until the server has enough of it."""
        while not self.gone.done():
            await self.say(data)
            if pause_s:
                await asyncio.wait([self.gone], timeout=pause_s)

    async def upgrade(self) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        await self.say(
            f"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.gone.cancel()
        await asyncio.wait([self.gone])
        await self._reader.readuntil(b"\r\n\r\n")
        self.gone = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        try:
            while data := await self._reader.read(1 << 16):
                if b"\x88" in data:
                    return
        except ConnectionError:
            return


Attack = Callable[[FloodConnection, Target], Awaitable[None]]


@asynccontextmanager
async def line(target: Target, sent: Traffic) -> AsyncIterator[FloodConnection]:
    reader, writer = await asyncio.open_connection(target.host, target.port, local_addr=(target.source, 0))
    sent.connections += 1
    opened = FloodConnection(reader, writer, sent)
    try:
        yield opened
    finally:
        opened.gone.cancel()
        writer.transport.abort()


def _part(payload: bytes = b"", opcode: int = CONTINUATION) -> bytes:
    whole = client_frame(opcode, payload, MASK)
    return bytes((whole[0] & ~FIN,)) + whole[1:]


async def parts(line: FloodConnection, target: Target) -> None:
    await line.upgrade()
    await line.say(_part(opcode=TEXT))
    await line.repeat(_part() * 10_000)


async def pings(line: FloodConnection, target: Target) -> None:
    await line.upgrade()
    await line.repeat(client_frame(PING, b"", MASK) * 10_000)


async def large_parts(line: FloodConnection, target: Target) -> None:
    await line.upgrade()
    await line.say(_part(opcode=BINARY))
    await line.repeat(_part(bytes(60_000)))


async def after_the_end(line: FloodConnection, target: Target) -> None:
    await line.upgrade()
    await line.say(bytes((FIN | 0x40 | TEXT, 0x80)) + MASK + _part(opcode=TEXT))
    while True:
        await line.say(_part(bytes(60_000)))


async def trickle(line: FloodConnection, target: Target) -> None:
    await line.upgrade()
    await line.say(client_frame(TEXT, bytes(120_000), MASK)[:14])
    for _ in range(119_000):
        await line.say(b"x")
        await asyncio.sleep(0)
        if line.gone.done():
            return


async def messages(line: FloodConnection, target: Target) -> None:
    await line.upgrade()
    await line.say(client_frame(TEXT, encode({"type": "authenticate", "token": target.token}), MASK))
    await line.repeat(client_frame(TEXT, encode({"type": "heartbeat"}), MASK) * 1000)


async def handshakes(line: FloodConnection, target: Target) -> None:
    await line.upgrade()


async def endless_header(line: FloodConnection, target: Target) -> None:
    await line.say(b"GET / HTTP/1.1\r\nx: ")
    await line.repeat(b"y" * 262_144)


async def small_headers(line: FloodConnection, target: Target) -> None:
    await line.say(b"GET / HTTP/1.1\r\n")
    await line.repeat(b"x: y\r\n" * 50_000)


async def long_address(line: FloodConnection, target: Target) -> None:
    await line.say(b"GET /")
    await line.repeat(b"y" * 262_144)


async def silence(line: FloodConnection, target: Target) -> None:
    await line.repeat(b"G", PATIENCE_S)


async def slow_headers(line: FloodConnection, target: Target) -> None:
    await line.say(b"GET / HTTP/1.1\r\n")
    await line.repeat(b"x: y\r\n", 0.5)


async def broken_uploads(line: FloodConnection, target: Target) -> None:
    await line.say(b"POST /api/session HTTP/1.1\r\nhost: x\r\ncontent-length: 30000\r\n\r\n{")
    await asyncio.sleep(0.002)


async def endless_body(line: FloodConnection, target: Target) -> None:
    await line.say(b"POST /api/session HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
    await line.repeat(b"1\r\n \r\n" * 40_000)


async def all_at_once(line: FloodConnection, target: Target) -> None:
    await line.repeat(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n" * 5000)


class Flood(NamedTuple):
    """`at_once` connections do it again and again."""

    attack: Attack
    at_once: int
    title: str


FLOODS = {
    "parts": Flood(parts, 4, "empty parts of a message, as fast as they can be sent"),
    "pings": Flood(pings, 4, "pings, as fast as they can be sent"),
    "large-parts": Flood(large_parts, 4, "a message without end"),
    "after-the-end": Flood(after_the_end, 4, "a reserved bit, then a message without end"),
    "trickle": Flood(trickle, 4, "a frame of 120 KB, byte by byte"),
    "messages": Flood(messages, 4, "a guest's heartbeats, as fast as they can be sent"),
    "handshakes": Flood(handshakes, 16, "sockets opened and dropped"),
    "endless-header": Flood(endless_header, 4, "a header without end"),
    "small-headers": Flood(small_headers, 4, "headers without end"),
    "long-address": Flood(long_address, 4, "a URL without end"),
    "silence": Flood(silence, 600, "600 connections that say one letter"),
    "slow-headers": Flood(slow_headers, 600, "600 connections that send a header every half second"),
    "broken-uploads": Flood(broken_uploads, 16, "uploads broken off"),
    "endless-body": Flood(endless_body, 4, "a body without end"),
    "all-at-once": Flood(all_at_once, 4, "thousands of requests before the first answer"),
}
