"""Starts a stack, has tables of two play the small game, and tells what a move cost each kind of process: processor,
sleeps, interruptions; and, of edges and actors, their system calls, where there is `strace`."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from pathlib import Path
from typing import Annotated

import asyncpg
import typer

from tavola.load.bench.wakes.counted import Counts, counts, system_calls, told
from tavola.load.measure.processes import Processes, RunningStack
from tavola.load.measure.scenario import Scenario
from tavola.load.run.run import Run
from tavola.load.run.stack import own_stack

SETTLED_S = 12.0
"""An actor knows who follows a room some seconds after it was loaded."""
TRACED = ("edges", "actors")
COMMITS = Path(__file__).with_name("commits.sql").read_text()


class _Wakes:
    def __init__(self, stack: RunningStack, seconds: float) -> None:
        self._stack, self._seconds = stack, seconds
        self.lines: list[str] = []

    async def beside(self) -> None:
        await asyncio.sleep(SETTLED_S)
        postgres = await asyncpg.connect(self._stack.environment["DATABASE_URL"])
        try:
            pids = Processes(self._stack.roots).pids()
            before, first = {kind: counts(of) for kind, of in pids.items()}, await postgres.fetchval(COMMITS)
            await asyncio.sleep(self._seconds)
            moves = await postgres.fetchval(COMMITS) - first
            used: dict[str, Counts] = {kind: counts(of).since(before[kind]) for kind, of in pids.items()}
            for kind, counted in used.items():
                calls, traced = Counter[str](), 0
                if kind in TRACED and shutil.which("strace"):
                    first = await postgres.fetchval(COMMITS)
                    calls = await system_calls(pids[kind], self._seconds / 2)
                    traced = await postgres.fetchval(COMMITS) - first
                self.lines.append(told(kind, counted, calls, moves, traced))
            self.lines.insert(0, f"{moves} moves in {self._seconds:.0f} s; of each:")
        finally:
            await postgres.close()


async def _wakes(tables: int, every_s: float, seconds: float, edges: int, checkout: Path | None) -> list[str]:
    async with own_stack(edges, max(tables, 100), checkout=checkout) as (stack, data_dir):
        wakes = _Wakes(stack, seconds)
        scenario = Scenario(
            urls=tuple(stack.urls or [stack.url]),
            tables=tables,
            bots=2,
            games=("tictactoe",),
            options={"turn_seconds": 600},
            rate=1 / every_s if every_s else None,
            seconds=SETTLED_S + (1 + len(TRACED) / 2) * seconds,
            check="sample",
            abandoned=True,
            data_dir=data_dir,
        )
        await Run(scenario, beside=wakes.beside).play()
        return wakes.lines


def main(
    tables: Annotated[int, typer.Option(min=1)] = 1,
    every: Annotated[float, typer.Option(min=0, help="Seconds between moves at a table; 0: as fast as can be.")] = 0,
    seconds: Annotated[float, typer.Option(min=2)] = 10.0,
    edges: Annotated[int, typer.Option(min=1)] = 1,
    checkout: Annotated[
        Path | None, typer.Option(help="Another working copy of Tavola, whose stack it is then.")
    ] = None,
) -> None:
    """How often a move wakes the processes of a stack."""
    for line in asyncio.run(_wakes(tables, every, seconds, edges, checkout)):
        typer.echo(line)


if __name__ == "__main__":
    typer.run(main)
