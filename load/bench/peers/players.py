"""The players: a process in Node a system, by the system's own client, none of which checks anything.

`tavola load`'s bots check what they see and cost several times as much; here what is compared should not be the bots.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from tavola.load.bench.base.cost import Roots
from tavola.load.bench.base.figure import Figure
from tavola.load.bench.base.install import ROOT, Cache
from tavola.load.bench.base.reports import Child, Measured, child
from tavola.load.bench.peers.running import Running
from tavola.load.bench.peers.systems import System

SOCKETS = 6
WARM_UP_S = 2.0
HUMAN_PACE = 1 / 3
OPENED_A_SECOND = 5
"""Tables that even a slow system opens in a second."""
MOVE = ROOT / "load" / "floor" / "move.json"
BESIDE = "beside"


class Play(msgspec.Struct, frozen=True):
    """So many tables; `pace` is how often a second somebody wants to act at each, 0: as soon as they can."""

    tables: int
    pace: float = 0.0

    def __str__(self) -> str:
        return f"tables {self.tables:,}" + (f" at {self.pace:.3f}/s" if self.pace else "")


class Players:
    """They sit at their tables, and act only while a `measure` goes on."""

    def __init__(self, one: Child, system: System, play: Play) -> None:
        self._child = one
        self._system = system
        self._play = play

    async def measure(self, seconds: float, warm_up_s: float = WARM_UP_S) -> Figure:
        """Raises NoResult."""
        found = await self._child.measure(warm_up_s + seconds, {"warm_up_s": warm_up_s, "seconds": seconds})
        await self._child.until("rest", 1.0)
        return self._figure(found)

    def _figure(self, found: Measured) -> Figure:
        said = found.said
        cpu_s = dict(found.cpu_s)
        beside_s = cpu_s.pop(BESIDE, 0.0)
        return Figure(
            name=self._system.name,
            group=self._system.group,
            tables=self._play.tables,
            pace=self._play.pace,
            seconds=round(said.seconds, 3),
            actions=said.actions,
            cpu_s=cpu_s,
            clients_cpu_s=said.client_cpu_s,
            elsewhere=found.elsewhere,
            beside_cores=round(beside_s / said.seconds, 3),
            latency_ms=said.everyone_ms,
            ack_ms=said.ack_ms,
        )


@asynccontextmanager
async def players(
    system: System,
    servers: Running,
    cache: Cache,
    play: Play,
    log: Path,
    beside: Callable[[], list[int]] = list,
) -> AsyncIterator[Players]:
    """All have opened their tables. `beside` are the processes of other systems. Raises NoResult."""
    asked = {
        "system": system.speaks,
        "url": servers.url,
        "tables": play.tables,
        "pace": play.pace,
        "sockets": SOCKETS,
        "move": str(MOVE),
    }

    def roots() -> Roots:
        return {**servers.roots(), BESIDE: beside()}

    argv = [cache.node_program, "client/main.js", msgspec.json.encode(asked).decode()]
    async with child(system.name, argv, roots=roots, logs=[log, *servers.logs], cwd=cache.node) as one:
        await one.until("open", play.tables / OPENED_A_SECOND)
        yield Players(one, system, play)
        await one.leave()
