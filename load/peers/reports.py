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

from load.peers.cost import Roots, spent, used
from load.stats import Percentiles
from tavola.failures import Failure

LAST_LINES = 12
LATE_S = 60.0
"""Seconds that it may take beyond what it measures."""


class Said(msgspec.Struct):
    """A line. What only `end` says has no meaning before it."""

    event: str
    seconds: float = 0.0
    actions: int = 0
    client_cpu_s: float = 0.0
    everyone_ms: Percentiles = Percentiles(0, 0.0, 0.0, 0.0, 0.0)
    ack_ms: Percentiles | None = None


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
) -> tuple[Said, dict[str, float]]:
    """What the child said at its `end`, and the seconds that the processes of `roots` used meanwhile. On return it has
    ended. What it complains goes to the first of `logs`; the ends of all are shown when it fails. Raises NoResult."""
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
    if not ended[0].actions:
        raise NoResult(name, "nothing could be done", _tail(logs))
    return ended


async def _listen(child: Process, roots: Callable[[], Roots]) -> tuple[Said, dict[str, float]] | None:
    assert child.stdout is not None
    before: dict[str, float] = {}
    result = None
    async for line in child.stdout:
        said = msgspec.json.decode(line, type=Said)
        if said.event == "begin":
            before = spent(roots())
        elif said.event == "end":
            result = said, used(before, spent(roots()))
    return result


async def _end(child: Process) -> None:
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def _tail(logs: Sequence[Path]) -> str:
    return "\n".join(line for log in logs for line in log.read_text(errors="replace").splitlines()[-LAST_LINES:])
