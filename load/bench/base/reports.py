"""A child that measures: it says what it has come to, a JSON object a line, and ends when nobody listens any more.

`open`: it could begin. `begin` and `end`: of what is measured; between them we read what it costs the servers.
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import psutil

from tavola.config.failures import Failure
from tavola.load.bench.base.cost import Roots, elsewhere, spent, used
from tavola.load.measure.stats import Percentiles

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
    """The child's words at its `end`, and what the processes of `roots` used meanwhile. On return it has ended. Its
    complaints go to the first of `logs`; the ends of all are told by the NoResult that is raised when it fails."""
    with logs[0].open("ab") as complaints:
        # A session of its own: Ctrl-C is for us.
        child = await asyncio.create_subprocess_exec(
            *map(str, argv), stdin=PIPE, stdout=PIPE, stderr=complaints, cwd=cwd, env=env, start_new_session=True
        )
    try:
        async with asyncio.timeout(within_s + LATE_S):
            ended = await _listen(child, roots)
            code = await child.wait()
    except TimeoutError:
        raise NoResult(name, f"not done after {within_s + LATE_S:.0f} s", _tail(logs)) from None
    finally:
        await asyncio.shield(_end(child))
    if ended is None or code != 0:
        raise NoResult(name, f"exit code {code}", _tail(logs))
    if not ended.said.actions:
        raise NoResult(name, "nothing could be done", _tail(logs))
    return ended


async def _listen(child: Process, roots: Callable[[], Roots]) -> Measured | None:
    assert child.stdout is not None
    before: dict[str, float] = {}
    machine = psutil.cpu_times()
    result = None
    async for line in child.stdout:
        said = msgspec.json.decode(line, type=Said)
        if said.event == "begin":
            before, machine = spent(roots()), psutil.cpu_times()
        elif said.event == "end":
            now, cpu_s = psutil.cpu_times(), used(before, spent(roots()))
            result = Measured(said, cpu_s, elsewhere(machine, now, sum(cpu_s.values()) + said.client_cpu_s))
    return result


async def _end(child: Process) -> None:
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def _tail(logs: Sequence[Path]) -> str:
    return "\n".join(line for log in logs for line in log.read_text(errors="replace").splitlines()[-LAST_LINES:])
