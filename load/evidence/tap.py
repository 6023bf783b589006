"""Listening to the rooms' channels in Redis, as an eavesdropper would who knows the deployment's secret: whatever is on
them was shown, if only to edges. A message that is not sealed is heard as it is: anybody could read it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable

import redis.asyncio
import redis.exceptions

from tavola.config.keys import Purpose, Secrets
from tavola.storage.sealing import NotOpened, Opener

CHANNELS = "room:*"
TRY_AGAIN_S = 0.1


class Tap:
    """`heard(room, message)` is called with every message, opened, as long as Redis is there; `count` counts them."""

    def __init__(self, url: str, secret: str, heard: Callable[[str, bytes], None]) -> None:
        self._url = url
        self._opener = Opener(Secrets(secret.encode()).keys(Purpose.REDIS))
        self._heard = heard
        self.count = 0
        self.unsealed: Counter[str] = Counter()
        """How many messages of each room anybody who reads Redis could have read."""
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
            name = channel.decode()
            room = name.removeprefix("room:")
            try:
                data = self._opener.open(name, data)
            except NotOpened:
                self.unsealed[room] += 1
            self._heard(room, data)
