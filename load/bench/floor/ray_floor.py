"""The floor of an actor call through Ray, which a move of ours does not make: both ends and Ray itself."""

from __future__ import annotations

import os

from tavola.load.bench.base.cost import of_ray
from tavola.load.bench.base.figure import Figure
from tavola.load.bench.base.install import ROOT
from tavola.load.bench.base.program import scratch
from tavola.load.bench.base.reports import measured
from tavola.stack.local_ray import LocalRay
from tavola.stack.processes import PYTHON

NAME = "one empty Ray call"
WARM_UP_S = 1.0


async def ray_call(seconds: float) -> Figure:
    """On a Ray of our own. The caller's own use counts as its cost, too. Raises NoResult, NotStarted."""
    with scratch() as folder:
        ray = LocalRay(folder / "ray")
        async with ray as address:
            found = await measured(
                NAME,
                [*PYTHON, "-m", "tavola.load.bench.floor.ray_call", address, str(seconds)],
                roots=lambda: {"ray": of_ray(ray.folder)},
                within_s=WARM_UP_S + seconds,
                logs=[folder / "caller.log"],
                cwd=ROOT,
                env={**os.environ, **ray.environment},
            )
    said = found.said
    return Figure(
        name=NAME,
        group="floor",
        tables=1,
        seconds=round(said.seconds, 3),
        actions=said.actions,
        cpu_s={"caller": said.client_cpu_s, **found.cpu_s},
        clients_cpu_s=0.0,
        elsewhere=found.elsewhere,
        latency_ms=said.everyone_ms,
    )
