"""Systems in turn, a slice of a few seconds each, while all of them are alive: a machine's mood is shared by all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from itertools import chain
from pathlib import Path

import msgspec

from tavola.load.bench.base.figure import Figure
from tavola.load.bench.base.install import Cache, installed
from tavola.load.bench.base.program import scratch
from tavola.load.bench.peers.players import Play, Players, players
from tavola.load.bench.peers.ratios import order
from tavola.load.bench.peers.running import Running, running
from tavola.load.bench.peers.systems import System

WARM_UP_S = 1.0
"""Seconds that a system plays before each slice: its caches were cold while others had the machine."""


class PairsPlan(msgspec.Struct, frozen=True):
    """All `systems` play each of `plays`, `pairs` slices of so many `seconds` each."""

    systems: Sequence[System]
    plays: Sequence[Play]
    pairs: int
    seconds: float
    cache: Path


class PairsRun:
    """`slices` grows while `run` goes on: what is there when it is cancelled can be shown."""

    def __init__(self, plan: PairsPlan, say: Callable[[str], None]) -> None:
        self.slices: list[Figure] = []
        self._plan = plan
        self._say = say

    async def run(self) -> None:
        """Raises CannotInstall, NoResult, NotStarted, DidNotStart. On return, and on an exception, nothing runs."""
        plan = self._plan
        python = any(system.runs == "python" for system in plan.systems)
        cache = await installed(plan.cache, python=python, say=self._say)
        async with AsyncExitStack() as stop:
            servers = []
            for system in plan.systems:
                self._say(f"{system.name}: starting …")
                servers.append(await stop.enter_async_context(running(system, cache)))
            logs = stop.enter_context(scratch())
            for play in plan.plays:
                await self._pairs(play, servers, cache, logs)

    async def _pairs(self, play: Play, servers: Sequence[Running], cache: Cache, logs: Path) -> None:
        plan = self._plan
        async with AsyncExitStack() as leave:
            seated: list[Players] = []
            for number, system in enumerate(plan.systems):
                others = [each for each in servers if each is not servers[number]]
                at = players(system, servers[number], cache, play, logs / f"{number}.log", partial(_pids, others))
                seated.append(await leave.enter_async_context(at))
                self._say(f"{system.name}: {play} open")
            for number in order(len(seated), plan.pairs):
                figure = await seated[number].measure(plan.seconds, WARM_UP_S)
                self.slices.append(figure)
                self._say(
                    f"{figure.name}, {play}: {figure.us_per_action:,.0f} µs, {figure.actions_per_s:,.0f}/s, "
                    f"p50 {figure.latency_ms.p50:.2f}, p99 {figure.latency_ms.p99:.2f} ms; "
                    f"cores: beside {figure.beside_cores:.3f}, elsewhere {figure.elsewhere:.0%}"
                )


def _pids(servers: Sequence[Running]) -> list[int]:
    return [pid for each in servers for pid in chain.from_iterable(each.roots().values())]
