"""One system after the other, each alone on the machine, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import msgspec

from tavola.load.bench.base.figure import Figure
from tavola.load.bench.base.install import Cache, installed
from tavola.load.bench.base.program import scratch
from tavola.load.bench.floor.postgres import postgres
from tavola.load.bench.floor.ray_floor import ray_call
from tavola.load.bench.peers.players import Play, players
from tavola.load.bench.peers.running import running
from tavola.load.bench.peers.systems import ECHO, PLAYED, System


class Plan(msgspec.Struct, frozen=True):
    """`plays` are played one after the other on the same servers; `keys` as `systems.KEYS`."""

    plays: Sequence[Play]
    seconds: float
    keys: Collection[str]
    cache: Path


class PeersRun:
    """`figures` grows while `run` goes on: what is there when it is cancelled can be shown."""

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self.figures: list[Figure] = []
        self._plan = plan
        self._say = say

    async def run(self) -> None:
        """Raises CannotInstall, NoResult, NotStarted, DidNotStart. On return, and on an exception, nothing runs."""
        plan = self._plan
        systems = [system for system in PLAYED if system.key in plan.keys]
        python = any(system.runs == "python" for system in systems)
        cache = await installed(plan.cache, python=python, say=self._say)
        if ECHO in systems:
            await self._play(ECHO, cache)
        if "postgres" in plan.keys:
            self.figures += await postgres(plan.seconds / 2, self._say)
        if "ray" in plan.keys:
            self._say("one empty Ray call …")
            self.figures.append(await ray_call(plan.seconds / 2))
        for system in systems:
            if system is not ECHO:
                await self._play(system, cache)

    async def _play(self, system: System, cache: Cache) -> None:
        self._say(f"{system.name}: starting …")
        async with running(system, cache) as servers:
            with scratch() as logs:
                for play in self._plan.plays:
                    async with players(system, servers, cache, play, logs / "players.log") as seated:
                        figure = await seated.measure(self._plan.seconds)
                    self.figures.append(figure)
                    self._say(
                        f"{system.name}, {play}: {figure.us_per_action:,.0f} µs an action, "
                        f"{figure.actions_per_s:,.0f} actions/s, p50 {figure.latency_ms.p50:.2f} ms"
                    )
