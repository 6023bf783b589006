"""Postgres and Redis of a stack that runs already, `tavola dev` on a data folder, which starts again what dies.

There is no wire before them that could be made bad, and Postgres keeps the times of commits only if it was told to.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from tavola.load.faults.proxy import Proxy
from tavola.load.measure.processes import RunningStack, read_stack

BACK_WITHIN_S = 60.0
LOOK_S = 0.1


class CannotBreak(Exception):
    """Why what was asked for cannot be done here."""


class NoStack(CannotBreak):
    def __init__(self, data_dir: Path) -> None:
        super().__init__(f"no `tavola dev` with a Postgres and a Redis of its own runs on {data_dir}")


class FoundServers:
    """Raises NoStack when there is none."""

    database: Proxy | None = None
    channel: Proxy | None = None

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        stack = self._stack()
        if stack is None or not {"postgres", "redis"} <= stack.roots().keys():
            raise NoStack(data_dir)
        self.database_url = stack.environment["DATABASE_URL"]
        self.redis_url = stack.environment["REDIS_URL"]
        self.secret = stack.environment["TAVOLA_JWT_SECRET"]
        self.secrets = {"the signing secret": self.secret}

    def pids(self) -> dict[str, list[int]]:
        """None that the stack's own file does not name."""
        return {}

    async def restart_postgres(self, away_s: float) -> None:
        """It is away for as long as its supervisor takes."""
        await self._replace("postgres", signal.SIGINT)

    async def crash_postgres(self, away_s: float) -> None:
        await self._replace("postgres", signal.SIGKILL)

    async def restart_redis(self, away_s: float) -> None:
        await self._replace("redis", signal.SIGKILL)

    async def _replace(self, kind: str, sign: signal.Signals) -> None:
        """Ends a server, and waits until another one runs. Raises TimeoutError."""
        (before,) = self._pids(kind)
        os.kill(before, sign)
        async with asyncio.timeout(BACK_WITHIN_S):
            while True:
                await asyncio.sleep(LOOK_S)
                if self._pids(kind) not in ([], [before]):
                    return

    def _pids(self, kind: str) -> list[int]:
        stack = self._stack()
        return stack.roots().get(kind, []) if stack is not None else []

    def _stack(self) -> RunningStack | None:
        return read_stack(self._data_dir)
