"""The parts of a stack that run our own code, as children of `tavola dev`: edges, bots, and this machine's steward."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import httpx
import psutil

from tavola.config.failures import Failure
from tavola.stack.forks import Forks
from tavola.stack.processes import ChildProcess, free_port
from tavola.stack.server import Server
from tavola.storage.postgres import Database, StorageUnavailable

_NEAR = 100
_OURS_WITHIN = 120.0
"""Seconds. A worker's Ray comes up after its head's."""


class EdgeProcess(Server):
    """`environment` is how to join the stack; it is read at each start, so it may change in between."""

    # As long as an edge takes to say goodbye, and no longer.
    stop_steps = ((signal.SIGTERM, 4.0), (signal.SIGKILL, 1.0))

    def __init__(
        self,
        number: int,
        host: str,
        port: int,
        log: Path,
        environment: Mapping[str, str],
        forks: Forks,
    ) -> None:
        """`port` is taken if it is free at the first start, else the next free one; then it stays."""
        self.name = f"edge {number}"
        self.log = log
        self.port = port
        self._host = host
        self._environment = environment
        self._forks = forks
        self._known = False

    @property
    def url(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    async def start(self) -> str:
        _, self.port = await self._listen(self.port)
        self._known = True
        return self.url

    def _logs(self) -> Iterable[Path]:
        return (self.log, self._forks.log)

    def _other_port(self, port: int) -> int:
        self.port = port if self._known else near_port(port, self._host)
        return self.port

    async def _spawn(self, port: int) -> ChildProcess:
        return await self._forks.fork(
            "tavola",
            ["edge"],
            log=self.log,
            # A stack ends as a whole: there is no other edge to spare.
            env={"TAVOLA_DRAIN_S": "2", **os.environ, **self._environment, "TAVOLA_PORT": str(port)},
            when_we_die=signal.SIGTERM,
        )

    async def _answers(self, process: ChildProcess, port: int) -> str | None:
        # The process that answers may be another stack's edge on a port that we lost to it.
        with contextlib.suppress(psutil.Error, httpx.HTTPError):
            listening = psutil.Process(process.pid).net_connections("tcp")
            if any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in listening):
                async with httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
                    if (await client.get(f"{self.url}/readyz")).status_code == 200:
                        return self.url
        return None

    async def lacks_redis(self, within_s: float) -> bool:
        """Whether it has no Redis, and none comes for so long. It serves without; who gave one wants to know."""
        deadline = time.monotonic() + within_s
        async with httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
            while "redis" in (await client.get(f"{self.url}/readyz")).json()["away"]:
                if time.monotonic() > deadline:
                    return True
                await asyncio.sleep(0.1)
        return False


class BotsProcess(Server):
    """The process that plays for bots. They are ready when they are started."""

    name = "bots"
    stop_steps = ((signal.SIGTERM, 1.0), (signal.SIGKILL, 1.0))

    def __init__(
        self, table: int, urls: Sequence[str], log: Path, environment: Mapping[str, str], forks: Forks
    ) -> None:
        """`table`: so many bots at a public table; with 0 there is none."""
        self.log = log
        self._urls = urls
        self._arguments = ["bots", "--table", str(table), *(f"--url={url}" for url in urls)]
        self._environment = environment
        self._forks = forks

    async def start(self) -> str:
        url, _ = await self._listen(0)
        return url

    async def _spawn(self, port: int) -> ChildProcess:
        return await self._forks.fork(
            "tavola",
            self._arguments,
            log=self.log,
            env={**os.environ, **self._environment},
            when_we_die=signal.SIGTERM,
        )

    async def _answers(self, process: ChildProcess, port: int) -> str | None:
        return self._urls[0]


def near_port(port: int, host: str) -> int:
    """The first free port from `port` on; any free one when `port` is 0 or all near it are taken."""
    if port:
        for near in range(port, min(port + _NEAR, 65536)):
            if free_port(near, host) == near:
                return near
    return free_port(host=host)


class NoSteward(Failure):
    """None works on this machine."""


class StewardChild(Server):
    """It is there when it has joined Ray, and takes wishes. `environment` is read at each start, as an edge's is."""

    name = "steward"
    stop_steps = ((signal.SIGTERM, 2.0), (signal.SIGKILL, 1.0))

    def __init__(
        self, log: Path, environment: Mapping[str, str], others: Callable[[], Iterable[Path]], forks: Forks
    ) -> None:
        """`others` gives the logs of what it waits for when it starts."""
        self.log = log
        self._environment = environment
        self._others = others
        self._forks = forks

    async def start(self) -> str:
        url, _ = await self._listen(0)
        return url

    def _logs(self) -> Iterable[Path]:
        return (self.log, self._forks.log, *self._others())

    def _other_port(self, port: int) -> int:
        return port

    async def _spawn(self, port: int) -> ChildProcess:
        return await self._forks.fork(
            "tavola",
            ["steward"],
            log=self.log,
            env={**os.environ, **self._environment},
            when_we_die=signal.SIGTERM,
        )

    async def _answers(self, process: ChildProcess, port: int) -> str | None:
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
    """On return a steward works on this machine. Raises `NoSteward` where none comes up: a Postgres that is just being
    restarted is waited for."""
    ours = {each.address for addresses in psutil.net_if_addrs().values() for each in addresses}
    why = ""
    try:
        async with asyncio.timeout(_OURS_WITHIN):
            while True:
                try:
                    if ours & await _beating(database_url):
                        return
                except StorageUnavailable as error:
                    why = f": {error}"
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise NoSteward(f"no steward works on this machine, after {_OURS_WITHIN:.0f} s{why}") from None


async def _beating(database_url: str) -> set[str]:
    database = await Database.connect(database_url, least=1, most=1)
    try:
        return {row["address"] for row in await database.rows("beating_nodes")}
    finally:
        await database.close()
