"""The state that edges write of themselves in Redis (`storage.redis.EdgeBoard`), read for people to look at."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from redis.exceptions import RedisError

from tavola.config.limits import SILENT_MS
from tavola.storage.redis_address import RedisAddress

WITHIN_S = 1.0
USERS_LIMIT = 200


class Person(NamedTuple):
    """Somebody who is connected: their sockets by edge, as of `seen_at` (ms)."""

    user: str
    seen_at: int
    sockets: dict[str, int]


class Boards(NamedTuple):
    """Each living edge with its last beat (ms), who was seen last, and how many are online."""

    edges: dict[str, int]
    people: list[Person]
    online: int


class OnlineReader:
    """Reads, in `WITHIN_S` at most."""

    def __init__(self, url: str) -> None:
        self._redis = RedisAddress(url).client(within_s=WITHIN_S, decode_responses=True)

    async def boards(self, now_ms: int) -> Boards | None:
        """None: Redis is away."""
        try:
            async with asyncio.timeout(WITHIN_S):
                return await self._boards(now_ms)
        except (RedisError, OSError, TimeoutError):
            return None

    async def close(self) -> None:
        await self._redis.aclose(close_connection_pool=True)

    async def _boards(self, now_ms: int) -> Boards:
        keys = [key async for key in self._redis.scan_iter("server:*:heartbeat", count=1000)]
        beats = await self._redis.mget(keys) if keys else []
        edges = {
            key.removeprefix("server:").removesuffix(":heartbeat"): int(beat)
            for key, beat in zip(keys, beats, strict=True)
            if beat is not None
        }
        since = now_ms - SILENT_MS
        online = await self._redis.zcount("online:users", since, "+inf")
        # The library's types do not know that scores were asked for.
        seen: Any = await self._redis.zrange(
            "online:users",
            "+inf",
            since,
            desc=True,
            byscore=True,
            offset=0,
            num=USERS_LIMIT,
            withscores=True,
        )
        async with self._redis.pipeline(transaction=False) as asked:
            for user, _ in seen:
                asked.hgetall(f"connections:{user}")
            sockets = await asked.execute()
        people = [
            # An edge that was killed has not taken back what it wrote.
            Person(user, int(at), {edge: int(count) for edge, count in each.items() if edge in edges})
            for (user, at), each in zip(seen, sockets, strict=True)
        ]
        return Boards(edges, people, online)
