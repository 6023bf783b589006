"""Running what the command line asked for, and saying what came out."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import typer
import uvloop

from tavola.client.api import RequestRefused
from tavola.config.failures import Failure
from tavola.load.faults.found import CannotBreak
from tavola.load.measure.limits import processes_for, raise_open_files
from tavola.load.measure.scenario import Scenario
from tavola.load.report.page import html
from tavola.load.report.proof import Proof, show_verdict
from tavola.load.report.report import Report, as_json, show
from tavola.load.run.prove import Faults, Prover
from tavola.load.run.run import Run
from tavola.load.run.stack import DidNotStart, own_stack
from tavola.load.run.worker_pool import CannotPlay, Lost, WorkerPool

T = TypeVar("T")

PROCESSES_AT_ONCE = 4
"""Tables that are opened at once where each waits for an actor of its own to start: more would only wait longer."""


def measure(
    scenario: Scenario, edges: int | None, rooms_per_actor: int, processes: int | None, json: Path | None
) -> bool:
    """Plays with so many processes, checks live, prints the report. Gives the verdict. Without a number there are as
    many edges, and processes of players, as so many sockets need."""
    raise_open_files()
    needed = processes_for(scenario.sockets)
    edges, processes = edges or needed, processes or needed

    async def main() -> Report:
        if scenario.urls:
            return await run(scenario)
        shared = "" if rooms_per_actor == 1 else f" with {rooms_per_actor} rooms an actor"
        at_once = min(scenario.opened_at_once, PROCESSES_AT_ONCE) if rooms_per_actor == 1 else scenario.opened_at_once
        typer.echo(f"starting a server of our own{shared} …")
        async with own_stack(edges, rooms_per_actor) as (stack, data_dir):
            urls = tuple(stack.urls or [stack.url])
            ours = {"urls": urls, "data_dir": data_dir, "abandoned": True, "opened_at_once": at_once}
            return await run(msgspec.structs.replace(scenario, **ours))

    async def run(scenario: Scenario) -> Report:
        running = Run(scenario) if processes == 1 else WorkerPool(scenario, processes)
        _stop_once(running.stop)
        return await running.run()

    report = _run(main())
    show(report)
    if json is not None:
        json.write_bytes(as_json(report))
    return report.passed


def prove_it(
    scenario: Scenario,
    faults: Faults | None,
    edges: int,
    rooms_per_actor: int,
    day_s: float | None,
    page: Path | None,
    json: Path | None,
) -> bool:
    """Plays, breaks, judges what was recorded; prints the verdict and writes the page. Gives the verdict."""

    async def main() -> Proof:
        nothing = Faults({}, 1.0)
        broken = faults or nothing
        prover = Prover(scenario, broken, edges=edges, rooms_per_actor=rooms_per_actor, day_s=day_s, say=typer.echo)
        _stop_once(prover.stop)
        return await prover.run()

    proof = _run(main())
    show(proof.report)
    show_verdict(proof)
    files = {page: html(proof).encode()} if page is not None else {}
    as_text = msgspec.json.format(msgspec.json.encode(proof), indent=2)
    for file in (json, page.with_suffix(".json") if page is not None else None):
        if file is not None:
            files[file] = as_text
    for file, data in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        typer.echo(f"written   {file}")
    return proof.passed


def _run(main: Coroutine[Any, Any, T]) -> T:
    """Its result. A failure that is no bug ends the program with exit code 2 and a line that says why."""

    async def cancellable() -> T:
        _on_signals(_cancel_this_task())
        return await main

    raise_open_files()
    try:
        return uvloop.run(cancellable())
    except* asyncio.CancelledError:
        typer.echo("stopped", err=True)
    except* (RequestRefused, OSError, TimeoutError, DidNotStart, Failure, CannotBreak, CannotPlay, Lost) as errors:
        error: BaseException = errors
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        typer.echo(f"tavola load: {str(error) or 'the server did not answer in time'}", err=True)
        if isinstance(error, DidNotStart):
            typer.echo(error.log, err=True)
    raise typer.Exit(2)


def _stop_once(stop: Callable[[], None]) -> None:
    """The first signal asks for the report so far, the second for none."""
    give_up = _cancel_this_task()

    def first() -> None:
        stop()
        _on_signals(give_up)

    _on_signals(first)


def _on_signals(act: Callable[[], object]) -> None:
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, act)


def _cancel_this_task() -> Callable[[], object]:
    task = asyncio.current_task()
    assert task is not None
    return task.cancel
