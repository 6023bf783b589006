"""Postgres and Redis of a run's own, behind wires that can be made bad. Postgres keeps the time of each commit."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

from tavola.load.evidence.truth import Truth
from tavola.load.faults.proxy import Proxy
from tavola.stack.embedded_postgres import EmbeddedPostgres
from tavola.stack.embedded_redis import EmbeddedRedis


class OwnServers:
    """`environment` is what a stack must be told to use them, through the wires; the URLs are the servers' own."""

    def __init__(self, folder: Path) -> None:
        self._postgres = EmbeddedPostgres(folder / "postgres")
        self._redis = EmbeddedRedis(folder / "redis")
        self.secret = secrets.token_urlsafe(32)
        self.database_url = self.redis_url = ""
        self.database: Proxy | None = None
        self.channel: Proxy | None = None

    async def start(self) -> None:
        """On return both answer. Raises tavola.stack.server.NotStarted."""
        self.database_url, self.redis_url = await asyncio.gather(self._postgres.start(), self._redis.start())
        truth = Truth(self._postgres.superuser_url)
        await truth.rows("keep_commit_times")
        truth.close()
        await self.restart_postgres(0.0)
        self.database, self.channel = Proxy(self.database_url), Proxy(self.redis_url)
        for proxy in (self.database, self.channel):
            await proxy.start()

    async def stop(self) -> None:
        for proxy in (self.database, self.channel):
            if proxy is not None:
                proxy.stop()
        await asyncio.gather(self._postgres.stop(), self._redis.stop())

    @property
    def environment(self) -> dict[str, str]:
        assert self.database is not None
        assert self.channel is not None
        return {
            "DATABASE_URL": self.database.url,
            "REDIS_URL": self.channel.url,
            "TAVOLA_JWT_SECRET": self.secret,
        }

    @property
    def secrets(self) -> dict[str, str]:
        """The secrets that must stand in no log, by name."""
        return {
            "the signing secret": self.secret,
            "the database's password": self._postgres.role_password,
            "its superuser's password": self._postgres.password,
            "Redis's password": self._redis.password,
        }

    def pids(self) -> dict[str, list[int]]:
        servers = {"postgres": self._postgres, "redis": self._redis}
        return {kind: [server.process.pid] for kind, server in servers.items() if server.process is not None}

    async def restart_postgres(self, away_s: float) -> None:
        """Fast shutdown: who is connected is thrown out. On return it answers again."""
        await self._postgres.stop()
        await asyncio.sleep(away_s)
        await self._postgres.start()

    async def crash_postgres(self, away_s: float) -> None:
        """As by a power cut: what was not yet on disk is gone. On return it has recovered."""
        if self._postgres.process is not None:
            self._postgres.process.kill()
        await self.restart_postgres(away_s)

    async def restart_redis(self, away_s: float) -> None:
        """All that was in it is gone. On return it answers again."""
        await self._redis.stop()
        await asyncio.sleep(away_s)
        await self._redis.start()


@contextlib.asynccontextmanager
async def own_servers(folder: Path) -> AsyncIterator[OwnServers]:
    servers = OwnServers(folder)
    try:
        await servers.start()
        yield servers
    finally:
        await servers.stop()
