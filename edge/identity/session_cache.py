"""Sessions in Redis, under `sess:{SHA-256 of the cookie}`. A cache: what is not there, or not said within a quarter of
a second, is read from Postgres, and after a failure Redis is left alone for a second. Entries are sealed, each under
its own name: a writer to Redis makes nobody a session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
import structlog
from redis.exceptions import RedisError

from tavola.storage.redis_address import RedisAddress
from tavola.storage.sealing import NotOpened, Opener, Sealer

log = structlog.get_logger()

WITHIN_S = 0.25
SKIP_S = 1.0
CONNECTIONS = 8


class Session(msgspec.Struct, frozen=True):
    """A signed-in browser. Times are in milliseconds since the epoch; `created_at` is the database's."""

    user_id: str
    display_name: str
    created_at: int
    renewed_at: int
    """When its end was put off last, which is also when Postgres was last known to have it."""
    life_ms: int
    """How long after that it ends."""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Session).decode


def key(sid: bytes) -> str:
    return f"sess:{sid.hex()}"


class SessionCache:
    """Never raises, never waits for longer than `WITHIN_S`."""

    def __init__(self, url: str, sealer: Sealer, opener: Opener) -> None:
        self._sealer, self._opener = sealer, opener
        self._redis = RedisAddress(url).client(within_s=WITHIN_S, most=CONNECTIONS)
        self._again_at = 0.0

    async def get(self, sid: bytes) -> Session | None:
        found = await self._tried(lambda: self._redis.get(key(sid)))
        if found is None:
            return None
        try:
            return _decode(self._opener.open(key(sid), found))
        except (NotOpened, msgspec.DecodeError):
            log.warning("sessions.not_opened")
            await self.drop([sid])  # It would stand in the way of the true one.
            return None

    async def put(self, sid: bytes, session: Session, life_ms: int, *, only_new: bool = False) -> None:
        """Keep it for `life_ms`; with `only_new`, unless there is one already."""
        if life_ms > 0:
            sealed = self._sealer.seal(key(sid), _encode(session))
            await self._tried(lambda: self._redis.set(key(sid), sealed, px=life_ms, nx=only_new))

    async def drop(self, sids: Iterable[bytes]) -> None:
        if keys := [key(sid) for sid in sids]:
            await self._tried(lambda: self._redis.delete(*keys))

    async def close(self) -> None:
        await self._redis.aclose(close_connection_pool=True)

    async def _tried(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Redis's answer, or None when it gave none."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._again_at:
            return None
        try:
            async with asyncio.timeout(WITHIN_S):
                return await ask()
        except (RedisError, OSError, TimeoutError) as error:
            self._again_at = loop.time() + SKIP_S
            log.warning("sessions.redis_away", error=type(error).__name__)
            return None
