"""The players: one process in Node for all systems, each by its own client, none of which checks anything.

`tavola load`'s bots check what they see and cost several times as much; here what is compared should not be the bots.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from tavola.load.bench.base.figure import Figure
from tavola.load.bench.base.install import ROOT, Cache
from tavola.load.bench.base.reports import measured
from tavola.load.bench.peers.running import Running
from tavola.load.bench.peers.systems import System

SOCKETS = 6
WARM_UP_S = 2.0
MOVE = ROOT / "load" / "floor" / "move.json"


async def play(system: System, running: Running, cache: Cache, tables: int, seconds: float, log: Path) -> Figure:
    """So many tables, each acting as soon as it can. Raises NoResult."""
    asked = {
        "system": system.speaks,
        "url": running.url,
        "tables": tables,
        "sockets": SOCKETS,
        "warm_up_s": WARM_UP_S,
        "seconds": seconds,
        "move": str(MOVE),
    }
    found = await measured(
        system.name,
        [cache.node_program, "client/main.js", msgspec.json.encode(asked).decode()],
        roots=running.roots,
        within_s=WARM_UP_S + seconds,
        logs=[log, *running.logs],
        cwd=cache.node,
    )
    said = found.said
    return Figure(
        name=system.name,
        group=system.group,
        tables=tables,
        seconds=round(said.seconds, 3),
        actions=said.actions,
        cpu_s=found.cpu_s,
        clients_cpu_s=said.client_cpu_s,
        elsewhere=found.elsewhere,
        latency_ms=said.everyone_ms,
        ack_ms=said.ack_ms,
    )
