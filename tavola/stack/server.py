"""A child that listens on a port: started until it answers, on another port when the first is taken, and stopped."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path
from signal import Signals
from typing import ClassVar

from tavola.config.failures import Failure
from tavola.stack.processes import ChildProcess, end, free_port, how_ended

_PORT_TRIES = 5
_READY_WITHIN = 60.0
"""Seconds. Long, for a Postgres that has a crash to recover from."""


_LAST_LINES = 12
"""Of each log, when a server did not start."""


class NotStarted(Failure):
    """A server that did not come up, why, and what was written meanwhile (a `LogTail` as a text)."""

    def __init__(self, server: str, why: str, told: str = "") -> None:
        super().__init__("\n".join(filter(None, (f"{server} did not start: {why}", told))))


class LogTail:
    """The text that is written to logs from now on. As a text: each that was written to, by its path, with its last
    lines."""

    def __init__(self, logs: Callable[[], Iterable[Path]]) -> None:
        """`logs` is asked again when this is read: some may be new."""
        self._logs = logs
        self._before = {log: log.stat().st_size for log in logs() if log.exists()}

    def __str__(self) -> str:
        written = [self._ending(log) for log in self._logs() if self._written(log).strip()]
        return "\n".join(written or (f"  nothing was written to {log}" for log in self._logs()))

    def _ending(self, log: Path) -> str:
        lines = self._written(log).rstrip().splitlines()[-_LAST_LINES:]
        return "\n    ".join((f"  {log} ends:", *lines))

    def _written(self, log: Path) -> str:
        data = log.read_bytes() if log.exists() else b""
        before = self._before.get(log, 0)
        return data[before if before <= len(data) else 0 :].decode(errors="replace")


class Server(ABC):
    """It may be started again after it was stopped or died."""

    name: str
    log: Path
    """Where the child's output goes, after that of earlier ones."""
    stop_steps: ClassVar[tuple[tuple[Signals, float], ...]]
    """Signals to stop it with, each with the seconds to wait before the next."""
    process: ChildProcess | None = None
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
            told = LogTail(self._logs)
            self.process = process = await self._spawn(port)
            try:
                async with asyncio.timeout(_READY_WITHIN):
                    while process.poll() is None:
                        if url := await self._answers(process, port):
                            return url, port
                        await asyncio.sleep(0.02)
            except TimeoutError:
                # Read before the stop, which writes to logs as well.
                failure = NotStarted(self.name, f"no answer within {_READY_WITHIN:.0f} s", str(told))
                await self.stop()
                raise failure from None
            except BaseException:
                await self.stop()
                raise
            if port == (port := self._other_port(port)):
                raise NotStarted(self.name, f"it ended with {how_ended(process.wait())}", str(told))
        raise NotStarted(self.name, f"no free port in {_PORT_TRIES} tries")

    def _logs(self) -> Iterable[Path]:
        """Where the cause may be read if it does not start."""
        return (self.log,)

    def _other_port(self, port: int) -> int:
        """Where to try next when the server ended at once; `port` when that was free, so not the reason."""
        return free_port(port)

    @abstractmethod
    async def _spawn(self, port: int) -> ChildProcess: ...

    @abstractmethod
    async def _answers(self, process: ChildProcess, port: int) -> str | None:
        """The URL if the server is ready for clients."""
