"""What the embedded servers have in common: PostgreSQL and Redis from wheels, for a machine that has none.

Each lives in a folder of its own, which holds its data, log, port and password (only we may read them), listens on
127.0.0.1 alone, and comes back on the same port where that is still free. It is our child and ends with us; `start`
first ends what an earlier run left behind in the folder all the same.
"""

import asyncio
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from signal import Signals
from types import TracebackType
from typing import ClassVar

from tavola.processes import end, free_port, in_folder
from tavola.settings import kept_secret, write_private

_PORT_TRIES = 5
_READY_WITHIN = 60.0
"""Seconds. Long, for a Postgres that has a crash to recover from."""


class NotStarted(Exception):
    """A server that did not come up: `server`, and `log`, what it wrote meanwhile."""

    def __init__(self, server: str, log: str) -> None:
        super().__init__(f"{server} did not start: {log.strip() or 'it wrote nothing'}")
        self.server = server
        self.log = log


class EmbeddedServer(ABC):
    """`async with` it, or `start` and `stop` it; it may be started again after it was stopped or died."""

    name: ClassVar[str]
    programs: ClassVar[tuple[str, ...]]
    """How the names of its processes begin. They work in `data`, by which leftovers are known."""
    stop_steps: ClassVar[tuple[tuple[Signals, float], ...]]
    """Signals to stop it with, each with the seconds to wait before the next."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made at the first start."""
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.process: subprocess.Popen[bytes] | None = None
        """The running child: None before `start` and after `stop`."""

    async def start(self) -> str:
        """On return the server answers at the URL. On an exception nothing of it runs."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        password = kept_secret(self.folder / "password")
        await self.sweep()
        await self._prepare(password)
        kept_port = self.folder / "port"
        port = free_port(int(kept_port.read_text()) if kept_port.exists() else 0)
        for _ in range(_PORT_TRIES):
            logged = self.log.stat().st_size if self.log.exists() else 0
            self.process = self._spawn(port, password)
            try:
                async with asyncio.timeout(_READY_WITHIN):
                    while self.process.poll() is None:
                        if url := await self._answers(port, password):
                            write_private(kept_port, str(port))
                            return url
                        await asyncio.sleep(0.01)
            except BaseException:
                await self.stop()
                raise
            wrote = self.log.read_bytes()[logged:].decode(errors="replace")
            if port == (port := free_port(port)):
                raise NotStarted(self.name, wrote)
        raise NotStarted(self.name, f"no free port in {_PORT_TRIES} tries")

    async def stop(self) -> None:
        """On return it has ended; Postgres has written a checkpoint unless it had to be killed."""
        if self.process is not None:
            await end([self.process], *self.stop_steps)
            self.process.wait()
            self.process = None

    async def sweep(self) -> None:
        """Ends what an earlier run left behind. On return nothing works in our folder."""
        await end(in_folder(self.programs, self.data), *self.stop_steps)

    async def __aenter__(self) -> str:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @abstractmethod
    async def _prepare(self, password: str) -> None:
        """Makes the data folder if need be. Nothing of an earlier run is alive."""

    @abstractmethod
    def _spawn(self, port: int, password: str) -> subprocess.Popen[bytes]: ...

    @abstractmethod
    async def _answers(self, port: int, password: str) -> str | None:
        """The URL if the server is ready for clients."""
