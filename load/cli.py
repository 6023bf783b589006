"""`tavola load`: bots at many tables, figures and a verdict; or a few of them at one public table, for company."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from load.report import Report
    from load.scenario import Scenario

FULL_UP_TO = 20
"""Tables; with more, one in ten is checked in full unless asked otherwise."""

SHARED = 500
"""Rooms an actor of our own server, when there are so many tables that a process for each would be too much."""


def load(
    tables: Annotated[int, typer.Option(min=1, help="How many tables.")] = 1,
    seats: Annotated[int, typer.Option(min=1, help="Bots a table; those for whom there is no seat watch.")] = 6,
    hands: Annotated[int | None, typer.Option(min=1, help="Stop after so many hands at every table.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Stop after so long. (default: 20)")] = None,
    think: Annotated[str, typer.Option(help="Milliseconds before a move: 250, or at random 100-400.")] = "0",
    url: Annotated[
        list[str] | None,
        typer.Option(help="A server; repeat it to spread over several edges. (default: one of our own)"),
    ] = None,
    edges: Annotated[int, typer.Option(min=1, help="Edges of our own server.")] = 1,
    rooms_per_actor: Annotated[
        int | None,
        typer.Option(
            min=1,
            envvar="TAVOLA_ROOMS_PER_ACTOR",
            help=f"Of our own server. (default: 1 up to {FULL_UP_TO} tables, else {SHARED})",
        ),
    ] = None,
    game: Annotated[str, typer.Option(help="What is played.")] = "holdem",
    options: Annotated[str, typer.Option(help="The game's options, as JSON. Pauses are left out by default.")] = "{}",
    seed: Annotated[int, typer.Option(help="Of the bots' choices.")] = 0,
    check: Annotated[
        str | None, typer.Option(help=f"full, or sample: one table in ten. (default: full up to {FULL_UP_TO} tables)")
    ] = None,
    ramp: Annotated[float, typer.Option(min=0, help="Seconds over which the tables are opened.")] = 0.0,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.001, help="Open arrival: so many actions a second due at each table, whatever the server does."
        ),
    ] = None,
    churn: Annotated[
        str,
        typer.Option(
            help="What else players do: reconnect,refresh,leave,tabs,slow,storm; `leave=30`: every 30 s a table."
        ),
    ] = "",
    json: Annotated[Path | None, typer.Option(help="Also write the report to this file.")] = None,
    data_dir: Annotated[
        Path, typer.Option(envvar="TAVOLA_DATA_DIR", help="Of the server at --url, for the cost of its processes.")
    ] = Path(".tavola"),
    bots: Annotated[
        int, typer.Option(min=0, help="Instead: so many bots at one public table, at a human pace, until stopped.")
    ] = 0,
) -> None:
    """Play at many tables over real sockets, check every frame, and say what it cost. Exit code 1 if a check failed."""
    import msgspec

    from load.churn import parse as parse_churn
    from load.report import as_json, show
    from load.scenario import Scenario
    from load.scenario import think as parse_think

    urls = tuple(address.rstrip("/") for address in url or ())
    if bots:
        _reside(urls[0] if urls else "http://127.0.0.1:8000", bots, game, data_dir)
        return
    try:
        think_s = parse_think(think)
        churned = parse_churn(churn)
        game_options = msgspec.json.decode(options, type=dict)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if check not in (None, "full", "sample"):
        raise typer.BadParameter("--check is full or sample")
    if game == "holdem" and seats > 6:
        game_options.setdefault("seats", min(seats, 10))
    scenario = Scenario(
        urls=urls,
        tables=tables,
        bots=seats,
        game=game,
        options=game_options,
        think_s=think_s,
        rate=rate,
        churn=churned,
        hands=hands,
        seconds=20.0 if seconds is None and hands is None else seconds,
        ramp_s=ramp,
        seed=seed,
        check="full" if check == "full" or (check is None and tables <= FULL_UP_TO) else "sample",
        data_dir=data_dir,
    )
    report = _measure(scenario, edges, rooms_per_actor or (1 if tables <= FULL_UP_TO else SHARED))
    show(report)
    if json is not None:
        json.write_bytes(as_json(report))
    raise typer.Exit(0 if report.passed else 1)


def _measure(scenario: Scenario, edges: int, rooms_per_actor: int) -> Report:
    import asyncio
    import resource
    import signal

    import msgspec
    import uvloop

    from load.api import Refused
    from load.run import Run
    from load.stack import DidNotStart, own_stack

    async def main() -> Report:
        on_signals(_cancel_this_task())
        if scenario.urls:
            return await run(scenario)
        shared = "" if rooms_per_actor == 1 else f" with {rooms_per_actor} rooms an actor"
        typer.echo(f"starting a server of our own{shared} …")
        async with own_stack(edges, rooms_per_actor) as (stack, data_dir):
            urls = tuple(stack.urls or [stack.url])
            return await run(msgspec.structs.replace(scenario, urls=urls, data_dir=data_dir))

    async def run(scenario: Scenario) -> Report:
        running, give_up = Run(scenario), _cancel_this_task()

        def stop() -> None:
            """The first time: the report so far. The second time: none."""
            running.stop()
            on_signals(give_up)

        on_signals(stop)
        return await running.run()

    def on_signals(act: Callable[[], object]) -> None:
        for sign in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(sign, act)

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        return uvloop.run(main())
    except* asyncio.CancelledError:
        typer.echo("stopped", err=True)
    except* (Refused, OSError, TimeoutError, DidNotStart) as errors:
        error: BaseException = errors
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        typer.echo(f"tavola load: {str(error) or 'the server did not answer in time'}", err=True)
        if isinstance(error, DidNotStart):
            typer.echo(error.log, err=True)
    raise typer.Exit(2)


def _reside(url: str, bots: int, game: str, data_dir: Path) -> None:
    import asyncio
    import contextlib
    import signal

    import uvloop

    from load.residents import Residents

    async def main() -> None:
        for sign in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(sign, _cancel_this_task())
        await Residents(url, bots, game, data_dir).run()

    with contextlib.suppress(asyncio.CancelledError):
        uvloop.run(main())


def _cancel_this_task() -> Callable[[], object]:
    import asyncio

    task = asyncio.current_task()
    assert task is not None
    return task.cancel


app = typer.Typer(add_completion=False)
app.command()(load)
