"""This machine's steward: as a child of `tavola dev`, and waited for by others."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import psutil

from tavola.config.failures import Failure
from tavola.stack.processes import PYTHON, spawn
from tavola.stack.server import Server
from tavola.storage.postgres import Database, StorageUnavailable

_OURS_WITHIN = 120.0
"""Seconds. A worker's Ray comes up after its head's."""


class NoSteward(Failure):
    """None works on this machine."""


class StewardChild(Server):
    """It is there when it has joined Ray, and takes wishes. `environment` is read at each start, as an edge's is."""

    name = "steward"
    stop_steps = ((signal.SIGTERM, 2.0), (signal.SIGKILL, 1.0))

    def __init__(self, log: Path, environment: Mapping[str, str], others: Callable[[], Iterable[Path]]) -> None:
        """`others` gives the logs of what it waits for when it starts."""
        self.log = log
        self._environment = environment
        self._others = others

    async def start(self) -> str:
        url, _ = await self._listen(0)
        return url

    def _logs(self) -> Iterable[Path]:
        return (self.log, *self._others())

    def _other_port(self, port: int) -> int:
        return port

    def _spawn(self, port: int) -> subprocess.Popen[bytes]:
        return spawn(
            [*PYTHON, "-m", "tavola", "steward"],
            log=self.log,
            env={**os.environ, **self._environment},
            when_we_die=signal.SIGTERM,
        )

    async def _answers(self, process: subprocess.Popen[bytes], port: int) -> str | None:
        try:
            database = await Database.connect(self._environment["DATABASE_URL"], least=1, most=1)
        except StorageUnavailable:
            return None
        try:
            while process.poll() is None:
                if any(row["pid"] == process.pid for row in await database.rows("beating_nodes")):
                    return str(process.pid)
                await asyncio.sleep(0.02)
        except StorageUnavailable:
            pass
        finally:
            await database.close()
        return None


async def wait_for_ours(database_url: str) -> None:
    """On return a steward works on this machine. Raises `NoSteward` where none comes up."""
    ours = {each.address for addresses in psutil.net_if_addrs().values() for each in addresses}
    try:
        async with asyncio.timeout(_OURS_WITHIN):
            database = await Database.connect(database_url, least=1, most=1)
            while not any(row["address"] in ours for row in await database.rows("beating_nodes")):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
            await database.close()
    except TimeoutError:
        raise NoSteward(f"no steward works on this machine, after {_OURS_WITHIN:.0f} s") from None
