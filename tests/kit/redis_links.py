"""Links to a Redis, kept up, and whoever hears what they bring."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import count

from kit.hosts import OPENER, SEALER
from kit.waiting import Pulse
from tavola.storage.people import ConnectionBoard
from tavola.storage.redis import RedisPublisher, Subscriber

_numbers = count(1)


def fresh() -> str:
    return f"r_redis_{next(_numbers)}"


class Heard:
    """A subscriber who hears, and wants all of it."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.presences: list[bytes] = []
        self.pulse = Pulse()

    def wanted(self, room: str, seq: int) -> bool:
        return True

    def heard(self, room: str, message: bytes) -> None:
        self.messages.append((room, message))
        self.pulse.beat()

    def heard_presence(self, message: bytes) -> None:
        self.presences.append(message)
        self.pulse.beat()

    async def has(self, count: int) -> list[tuple[str, bytes]]:
        await self.pulse.until(lambda: len(self.messages) >= count)
        return self.messages


@asynccontextmanager
async def kept(link: RedisPublisher | Subscriber | ConnectionBoard) -> AsyncIterator[None]:
    """The link runs, and is up at first unless nobody is there."""
    running = asyncio.create_task(link.run())
    try:
        yield
    finally:
        assert not running.done()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def is_up(*links: RedisPublisher | Subscriber | ConnectionBoard, up: bool = True) -> None:
    async with asyncio.timeout(20):
        while any(link.up != up for link in links):
            await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.005)


@asynccontextmanager
async def both(url: str) -> AsyncIterator[tuple[RedisPublisher, Subscriber, Heard]]:
    heard = Heard()
    publisher, subscriber = RedisPublisher(url, SEALER), Subscriber(url, OPENER, heard)
    async with AsyncExitStack() as stack:
        for link in (publisher, subscriber):
            await stack.enter_async_context(kept(link))
        await is_up(publisher, subscriber)
        yield publisher, subscriber, heard
