"""A child that listens on a port: started until it answers, on another port when the first is taken, and stopped."""

import asyncio
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from signal import Signals
from typing import ClassVar

from tavola.failures import Failure
from tavola.processes import end, free_port

_PORT_TRIES = 5
_READY_WITHIN = 60.0
"""Seconds. Long, for a Postgres that has a crash to recover from."""


class NotStarted(Failure):
    """A server that did not come up: `server`, and `log`, what it wrote meanwhile."""

    def __init__(self, server: str, log: str) -> None:
        super().__init__(f"{server} did not start: {log.strip() or 'it wrote nothing'}")
        self.server = server
        self.log = log


class Server(ABC):
    """It may be started again after it was stopped or died."""

    name: str
    log: Path
    """Where the child's output goes, after that of earlier ones."""
    stop_steps: ClassVar[tuple[tuple[Signals, float], ...]]
    """Signals to stop it with, each with the seconds to wait before the next."""
    process: subprocess.Popen[bytes] | None = None
    """The running child: None before `start` and after `stop`."""

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @abstractmethod
    async def start(self) -> str:
        """On return the server answers at the URL. On an exception nothing of it runs."""

    async def stop(self) -> None:
        """On return it has ended."""
        process, self.process = self.process, None
        if process is not None:
            await end([process], *self.stop_steps)
            process.wait()

    async def _listen(self, port: int) -> tuple[str, int]:
        """The URL and the port at which it came up: `port` unless that is taken."""
        for _ in range(_PORT_TRIES):
            logged = self.log.stat().st_size if self.log.exists() else 0
            self.process = process = self._spawn(port)
            try:
                async with asyncio.timeout(_READY_WITHIN):
                    while process.poll() is None:
                        if url := await self._answers(process, port):
                            return url, port
                        await asyncio.sleep(0.02)
            except BaseException as failure:
                await self.stop()
                if isinstance(failure, TimeoutError):
                    raise NotStarted(self.name, f"no answer within {_READY_WITHIN:.0f} s, see {self.log}") from None
                raise
            if port == (port := self._other_port(port)):
                wrote = self.log.read_bytes()[logged:].decode(errors="replace")
                raise NotStarted(self.name, wrote.strip()[-2000:])
        raise NotStarted(self.name, f"no free port in {_PORT_TRIES} tries")

    def _other_port(self, port: int) -> int:
        """Where to try next when the server ended at once; `port` when that was free, so not the reason."""
        return free_port(port)

    @abstractmethod
    def _spawn(self, port: int) -> subprocess.Popen[bytes]: ...

    @abstractmethod
    async def _answers(self, process: subprocess.Popen[bytes], port: int) -> str | None:
        """The URL if the server is ready for clients."""
