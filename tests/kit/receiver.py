"""A server to which webhooks are sent: it keeps what came, and answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec

from kit.waiting import Pulse


class Delivered(NamedTuple):
    """One request."""

    headers: dict[str, str]
    body: bytes

    @property
    def updates(self) -> list[tuple[str, int]]:
        """(room, seq) of each."""
        events: list[dict[str, Any]] = msgspec.json.decode(self.body)["events"]
        return [(each["room"], each["seq"]) for each in events]


class Receiver:
    """`status` is what it answers; None: nothing at all, for as long as it lives."""

    def __init__(self) -> None:
        self.status: int | None = 204
        self.came: list[Delivered] = []
        self.pulse = Pulse()
        self.url = ""
        self._silent = asyncio.Event()

    @property
    def updates(self) -> list[tuple[str, int]]:
        """All that came and was answered with 2xx would be the sender's to know: all that came."""
        return [update for each in self.came for update in each.updates]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = await reader.readexactly(int(headers["content-length"]))
            exact = dict(line.split(": ", 1) for line in head[1:] if line)
            self.came.append(Delivered({name.lower(): value for name, value in exact.items()}, body))
            status = self.status
            self.pulse.beat()
            if status is None:
                await self._silent.wait()
            answer = f"HTTP/1.1 {status} Said\r\nLocation: {self.url}elsewhere\r\nConnection: close\r\n"
            writer.write(f"{answer}Content-Length: 0\r\n\r\n".encode())
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def end(self) -> None:
        self._silent.set()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.handle, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        yield receiver
    finally:
        receiver.end()
        server.close()
