"""Starts a stack, opens tables for two in it, and tells the processor time that a table costs each kind of process: by
step, and together."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from tavola.client.api import ApiClient
from tavola.load.bench.opening.steps import StepTaken, opened
from tavola.load.measure.limits import raise_open_files
from tavola.load.measure.processes import Processes, roots_of
from tavola.load.measure.scenario import Scenario
from tavola.load.run.stack import own_stack
from tavola.load.transport.http_client import Http

KINDS = ("edges", "actors", "postgres", "redis", "ray", "steward", "clients")


def told(steps: list[StepTaken], tables: int, at_rest: dict[str, float]) -> list[str]:
    """A line a step, in µs a table. `at_rest`: the processor time of each kind, in cores, with nothing to do."""
    kinds = [kind for kind in KINDS if any(kind in step.used for step in steps)]
    lines = [f"{'µs a table':14}" + "".join(f"{kind:>10}" for kind in (*kinds, "servers")) + "   tables/s"]
    whole = StepTaken("together", sum(step.seconds for step in steps), {})
    for step in steps:
        for kind in kinds:
            whole.used[kind] = whole.used.get(kind, 0.0) + step.used.get(kind, 0.0)
    for step in (*steps, whole):
        each = {kind: step.used.get(kind, 0.0) * 1e6 / tables for kind in kinds}
        each["servers"] = sum(micros for kind, micros in each.items() if kind != "clients")
        row = "".join(f"{each[kind]:10.0f}" for kind in (*kinds, "servers"))
        lines.append(f"{step.name:14}{row}{tables / step.seconds:11.0f}")
    idle = ", ".join(f"{kind} {cores:.3f}" for kind, cores in at_rest.items() if kind in kinds)
    lines.append(f"and before, with nothing to do, of a core: {idle}")
    return lines


async def _opening(tables: int, at_once: int, edges: int, settle: float, checkout: Path | None) -> list[str]:
    raise_open_files()
    async with own_stack(edges, max(tables, 100), checkout=checkout) as (stack, data_dir), AsyncExitStack() as doors:
        urls = tuple(stack.urls or [stack.url])
        processes = Processes(lambda: roots_of(data_dir, urls))
        await asyncio.sleep(settle)
        processes.start()
        await asyncio.sleep(2.0)
        at_rest = {kind: usage.cpu_s / 2.0 for kind, usage in processes.usage().items()}
        apis = [ApiClient(await doors.enter_async_context(Http(url))) for url in urls]
        scenario = Scenario(urls=urls, tables=tables, bots=2, games=("tictactoe",), opened_at_once=at_once)
        return told(await opened(scenario, apis, processes, settle), tables, at_rest)


def main(
    tables: Annotated[int, typer.Option(min=1)] = 500,
    at_once: Annotated[int, typer.Option(min=1, help="Tables that take a step at a time.")] = 32,
    edges: Annotated[int, typer.Option(min=1)] = 1,
    settle: Annotated[float, typer.Option(min=0, help="Seconds after each step for what the servers do later.")] = 1.0,
    checkout: Annotated[
        Path | None, typer.Option(help="Another working copy of Tavola, whose stack it is then.")
    ] = None,
) -> None:
    """The price of a table before anybody plays there."""
    for line in uvloop.run(_opening(tables, at_once, edges, settle, checkout)):
        typer.echo(line)


if __name__ == "__main__":
    typer.run(main)
