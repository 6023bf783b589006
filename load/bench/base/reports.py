"""A child that measures: it says what it has come to, a JSON object a line, and ends when nobody listens any more.

`open`: it could begin. `begin` and `end`: of what is measured; between them we read what it costs the servers. One that
is asked, a JSON object a line, may measure several times: it says `rest` when it can be asked again.
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
import psutil

from tavola.config.failures import Failure
from tavola.load.bench.base.cost import Roots, elsewhere, spent, used
from tavola.load.measure.stats import Percentiles

T = TypeVar("T")
LAST_LINES = 12
LATE_S = 60.0
"""Seconds that it may take beyond what it measures."""


class Said(msgspec.Struct):
    """A line. Fields that only `end` fills have no meaning before it."""

    event: str
    seconds: float = 0.0
    actions: int = 0
    client_cpu_s: float = 0.0
    everyone_ms: Percentiles = Percentiles(0, 0.0, 0.0, 0.0, 0.0)
    ack_ms: Percentiles | None = None


class Measured(msgspec.Struct, frozen=True):
    """`cpu_s` are the servers' seconds by kind, `elsewhere` as in a Figure."""

    said: Said
    cpu_s: dict[str, float]
    elsewhere: float


class NoResult(Failure):
    """The child ended, or was ended, before it had measured: `log` is the end of what it complained."""

    def __init__(self, name: str, why: str, log: str) -> None:
        super().__init__(f"{name}: {why}\n{log}".rstrip())
        self.name = name
        self.log = log


class Child:
    """It runs while the `child` that gave it is entered."""

    def __init__(self, name: str, process: Process, roots: Callable[[], Roots], logs: Sequence[Path]) -> None:
        self._name = name
        self._process = process
        self._roots = roots
        self._logs = logs

    async def until(self, event: str, within_s: float) -> None:
        """On return it has said that. Raises NoResult."""
        await self._within(self._until(event), within_s + LATE_S)

    async def measure(self, within_s: float, asked: object = None) -> Measured:
        """Its words at the next `end`, and what the processes of `roots` used meanwhile. Raises NoResult."""
        if asked is not None:
            self._ask(asked)
        found = await self._within(self._measure(), within_s + LATE_S)
        if not found.said.actions:
            raise self._failed("nothing could be done")
        return found

    async def leave(self) -> None:
        """Nothing more is asked; on return it has ended by itself. Raises NoResult."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if code := await self._within(self._process.wait(), LATE_S):
            raise self._failed(f"exit code {code}")

    def _ask(self, asked: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(asked) + b"\n")

    async def _within(self, doing: Awaitable[T], seconds: float) -> T:
        try:
            async with asyncio.timeout(seconds):
                return await doing
        except TimeoutError:
            raise self._failed(f"not done after {seconds:.0f} s") from None

    async def _until(self, event: str) -> Said:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = msgspec.json.decode(line, type=Said)
            if said.event == event:
                return said
        raise self._failed(f"exit code {await self._process.wait()}")

    async def _measure(self) -> Measured:
        await self._until("begin")
        before, machine = spent(self._roots()), psutil.cpu_times()
        said = await self._until("end")
        now, cpu_s = psutil.cpu_times(), used(before, spent(self._roots()))
        return Measured(said, cpu_s, elsewhere(machine, now, sum(cpu_s.values()) + said.client_cpu_s))

    def _failed(self, why: str) -> NoResult:
        return NoResult(self._name, why, _tail(self._logs))


@asynccontextmanager
async def child(
    name: str,
    argv: Sequence[str | Path],
    *,
    roots: Callable[[], Roots],
    logs: Sequence[Path],
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> AsyncIterator[Child]:
    """Starts it; on leaving it has ended. Its complaints go to the first of `logs`; the ends of all are told by the
    NoResult that is raised when it fails."""
    with logs[0].open("ab") as complaints:
        # A session of its own: Ctrl-C is for us.
        process = await asyncio.create_subprocess_exec(
            *map(str, argv), stdin=PIPE, stdout=PIPE, stderr=complaints, cwd=cwd, env=env, start_new_session=True
        )
    try:
        yield Child(name, process, roots, logs)
    finally:
        await asyncio.shield(_end(process))


async def measured(
    name: str,
    argv: Sequence[str | Path],
    *,
    roots: Callable[[], Roots],
    within_s: float,
    logs: Sequence[Path],
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Measured:
    """The result of a child that measures once, unasked. On return it has ended. Raises NoResult."""
    async with child(name, argv, roots=roots, logs=logs, cwd=cwd, env=env) as one:
        found = await one.measure(within_s)
        await one.leave()
        return found


async def _end(child: Process) -> None:
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def _tail(logs: Sequence[Path]) -> str:
    return "\n".join(line for log in logs for line in log.read_text(errors="replace").splitlines()[-LAST_LINES:])
