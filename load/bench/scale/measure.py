"""Plays at one size, with a stack of its own, and counts what each part had to do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import psutil
from redis.asyncio import Redis

from tavola.load.bench.base.cost import elsewhere
from tavola.load.bench.scale.measured import PARTS, Size
from tavola.load.measure.processes import Processes, RunningStack, Usage
from tavola.load.measure.scenario import Scenario
from tavola.load.run.run import Run
from tavola.load.run.stack import own_stack

COUNTED = Path(__file__).with_name("counted.sql").read_text()
PLAYERS = "clients"


class TablePace(NamedTuple):
    """How the tables of a measurement play, and for how long they are measured."""

    seats: int
    every_s: float
    rooms_per_actor: int
    seconds: float
    game: str


class _Counted(NamedTuple):
    postgres: dict[str, int]
    redis_commands: int
    machine: Any


async def _counted(stack: RunningStack) -> _Counted:
    environment = stack.environment
    postgres = await asyncpg.connect(environment["DATABASE_URL"])
    redis: Redis = Redis.from_url(environment["REDIS_URL"])
    try:
        row = await postgres.fetchrow(COUNTED)
        info: dict[str, Any] = await redis.info("stats")
        return _Counted(dict(row), info["total_commands_processed"], psutil.cpu_times())
    finally:
        await redis.aclose()
        await postgres.close()


class _Window:
    """Counts while the tables play."""

    def __init__(self, stack: RunningStack, seconds: float) -> None:
        self._stack, self._seconds = stack, seconds
        self.opening = Processes(stack.roots)
        self.opened: dict[str, Usage] = {}
        self.counts: tuple[_Counted, _Counted] | None = None

    async def ready(self) -> None:
        """All tables are open."""
        self.opened = self.opening.usage()

    async def beside(self) -> None:
        before = await _counted(self._stack)
        await asyncio.sleep(self._seconds)
        self.counts = (before, await _counted(self._stack))


def _by_part(usage: dict[str, Usage]) -> dict[str, float]:
    """Seconds of processor. A part of which nothing is known here counts with Ray, below which it runs."""
    found = dict.fromkeys(PARTS, 0.0)
    for kind, used in usage.items():
        if kind != PLAYERS:
            found[kind if kind in PARTS else "ray"] += used.cpu_s
    return {part: round(seconds, 3) for part, seconds in found.items()}


async def measure(tables: int, pace: TablePace) -> Size:
    """One size. Raises DidNotStart."""
    async with own_stack(1, pace.rooms_per_actor) as (stack, data_dir):
        scenario = Scenario(
            urls=tuple(stack.urls or [stack.url]),
            tables=tables,
            bots=pace.seats,
            games=(pace.game,),
            options={"turn_seconds": 600},
            rate=1 / pace.every_s,
            seconds=pace.seconds,
            check="sample",
            abandoned=True,
            data_dir=data_dir,
        )
        window = _Window(stack, pace.seconds)
        window.opening.start()
        running = Run(scenario, beside=window.beside, ready=window.ready)
        outcome = await running.play()
        assert window.counts is not None
        before, after = window.counts
        counted = {name: after.postgres[name] - before.postgres[name] for name in before.postgres}
        served = _by_part(outcome.usage)
        players = outcome.usage.get(PLAYERS, Usage()).cpu_s
        to_everyone = outcome.stats.everyone.percentiles()
        return Size(
            tables=tables,
            seats=pace.seats,
            every_s=pace.every_s,
            rooms_per_actor=pace.rooms_per_actor,
            seconds=round(outcome.seconds, 3),
            actions=outcome.stats.actions,
            cpu_s=served,
            opening_cpu_s=_by_part(window.opened),
            opening_s=round(outcome.opening_s, 2),
            players_cpu_s=round(players, 3),
            wal_bytes=counted["wal_bytes"],
            full_pages=counted["full_pages"],
            log_bytes=counted["log_bytes"],
            command_bytes=counted["command_bytes"],
            statements=counted["statements"],
            redis_commands=after.redis_commands - before.redis_commands,
            connections=after.postgres["connections"],
            p50_ms=to_everyone.p50,
            p99_ms=to_everyone.p99,
            elsewhere=elsewhere(before.machine, after.machine, sum(served.values()) + players),
        )


def told(size: Size) -> str:
    """One line of text."""
    parts = " ".join(f"{part} {size.cores(part):.3f}" for part in PARTS)
    micros = sum(size.cpu_s.values()) / size.actions * 1e6 if size.actions else 0.0
    return (
        f"{size.tables:6} tables {size.actions_per_s:7.1f} actions/s {micros:7.0f} µs  cores: {parts}  "
        f"p50 {size.p50_ms:.1f} p99 {size.p99_ms:.1f} ms  WAL {size.wal_bytes / max(1, size.actions):.0f} B, "
        f"whole pages {size.full_pages}  players {size.players_cpu_s / size.seconds:.3f} "
        f"elsewhere {size.elsewhere:.2f}"
    )
