"""Listening to the rooms' channels in Redis, as an eavesdropper would: whatever is on them was shown."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import redis.asyncio
import redis.exceptions

CHANNELS = "room:*"
TRY_AGAIN_S = 0.1


class Tap:
    """`heard(room, message)` is called with every message, as long as Redis is there; `count` counts them."""

    def __init__(self, url: str, heard: Callable[[str, bytes], None]) -> None:
        self._url = url
        self._heard = heard
        self.count = 0
        self.listening = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled, across restarts of Redis."""
        while True:
            client = redis.asyncio.Redis.from_url(self._url)
            with contextlib.suppress(redis.exceptions.RedisError, OSError):
                async with client.pubsub() as channel:
                    await channel.psubscribe(CHANNELS)
                    async for message in channel.listen():
                        self._take(message)
            await client.aclose()
            await asyncio.sleep(TRY_AGAIN_S)

    def _take(self, message: dict[str, object]) -> None:
        if message["type"] == "psubscribe":
            self.listening.set()
        channel, data = message["channel"], message["data"]
        if message["type"] == "pmessage" and isinstance(channel, bytes) and isinstance(data, bytes):
            self.count += 1
            self._heard(channel.decode().removeprefix("room:"), data)
