"""`tavola load`: bots at many tables, figures and a verdict."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tavola.load.measure.scenario import Scenario
    from tavola.load.run.prove import Faults

FULL_UP_TO = 20
"""Tables; with more, one in ten is checked in full unless asked otherwise."""

SAMPLE, CHECKED_AT_MOST = 10, 200
"""Of a sample, one table in so many is checked in full; of very many tables, no more than so many altogether."""

SHARED = 500
"""Rooms an actor of our own server, when there are so many tables that a process for each would be too much."""


def _options_from(context: typer.Context, file: Path | None) -> Path | None:
    """The file's values stand where the command line says nothing."""
    if file is not None:
        try:
            options = {name.replace("-", "_"): value for name, value in tomllib.loads(file.read_text()).items()}
        except tomllib.TOMLDecodeError as error:
            raise typer.BadParameter(f"{file}: {error}") from None
        known = {parameter.name for parameter in context.command.params} - {"scenario"}
        if unknown := options.keys() - known:
            raise typer.BadParameter(f"{file}: there is no option {', '.join(sorted(unknown))}")
        context.default_map = {**(context.default_map or {}), **options}
    return file


def load(
    tables: Annotated[int, typer.Option(min=1, help="How many tables.")] = 1,
    seats: Annotated[int, typer.Option(min=1, help="Bots a table; those for whom there is no seat watch.")] = 6,
    spectators: Annotated[int, typer.Option(min=0, help="More bots a table, which watch.")] = 0,
    hands: Annotated[int | None, typer.Option(min=1, help="Stop after so many hands at every table.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Stop after so long. (default: 20)")] = None,
    think: Annotated[str, typer.Option(help="Milliseconds before a move: 250, or at random 100-400.")] = "0",
    url: Annotated[
        list[str] | None,
        typer.Option(help="A server; repeat it to spread over several edges. (default: one of our own)"),
    ] = None,
    edges: Annotated[
        int | None, typer.Option(min=1, help="Edges of our own server. (default: one for every 10,000 sockets)")
    ] = None,
    rooms_per_actor: Annotated[
        int | None,
        typer.Option(
            min=1,
            envvar="TAVOLA_ROOMS_PER_ACTOR",
            help=f"Of our own server. (default: 1 up to {FULL_UP_TO} tables, else {SHARED})",
        ),
    ] = None,
    game: Annotated[str, typer.Option(help="The game to play; several, table by table: a,a,b.")] = "holdem",
    options: Annotated[str, typer.Option(help="The game's options, as JSON. Pauses are left out by default.")] = "{}",
    seed: Annotated[int, typer.Option(help="Of the bots' choices.")] = 0,
    check: Annotated[
        str | None,
        typer.Option(help=f"full, or sample: one table in ten, 200 at most. (default: full up to {FULL_UP_TO} tables)"),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes of players. (default: one for every 10,000 sockets)")
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
            help="Players also: reconnect,refresh,leave,tabs,slow,sleep,storm; `leave=30`: every 30 s a table."
        ),
    ] = "",
    kill_edge: Annotated[
        bool, typer.Option("--kill-edge", help="Kill one edge of our own, and say when its players were back.")
    ] = False,
    drain_edge: Annotated[
        bool,
        typer.Option("--drain-edge", help="All play on one edge of our own, which is then asked to end; the same."),
    ] = False,
    prove: Annotated[bool, typer.Option("--prove", help="Record everything and judge it afterwards.")] = False,
    faults: Annotated[
        str,
        typer.Option(help="The faults, judged as by --prove: all, or actor-kill,net-delay=3 (shares)."),
    ] = "",
    fault_rate: Annotated[float, typer.Option(min=0.1, help="Faults a minute.")] = 30.0,
    fault_count: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many faults, however long it takes.")
    ] = None,
    day_seconds: Annotated[
        float | None,
        typer.Option(
            min=2.0,
            help="Of --prove or --faults: a day passes in so long on our own server, and old ones go meanwhile.",
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Of --prove or --faults: one HTML file; beside it the same as JSON.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the report to this file.")] = None,
    data_dir: Annotated[
        Path, typer.Option(envvar="TAVOLA_DATA_DIR", help="Of the server at --url, for the cost of its processes.")
    ] = Path(".tavola"),
    scenario: Annotated[
        Path | None,
        typer.Option(
            is_eager=True, callback=_options_from, exists=True, dir_okay=False, help="Options from a TOML file."
        ),
    ] = None,
) -> None:
    """Play at many tables over real sockets, check every frame, and say what it cost. Exit code 1 if a check failed."""
    from tavola.load.run.start import measure, prove_it

    urls = tuple(address.rstrip("/") for address in url or ())
    try:
        asked = _scenario(
            urls=urls, tables=tables, seats=seats, spectators=spectators, game=game, options=options, think=think,
            rate=rate, churn=churn, hands=hands, seconds=seconds, ramp=ramp, seed=seed, check=check, data_dir=data_dir,
            endless=fault_count, kill_edge=kill_edge, drain_edge=drain_edge,
        )  # fmt: skip
        broken = _faults(faults, fault_rate, fault_count, found=bool(urls))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    carried = rooms_per_actor or (1 if tables <= FULL_UP_TO else SHARED)
    edge_ends = kill_edge or drain_edge
    if (processes or 1) > 1 and (broken is not None or prove or edge_ends):
        raise typer.BadParameter(
            "one process plays when everything is recorded, or an edge ends: leave out --processes"
        )
    if kill_edge and drain_edge:
        raise typer.BadParameter("--kill-edge or --drain-edge")
    if edge_ends and (url or prove or broken is not None or (edges or 1) < 2):
        raise typer.BadParameter(
            "--kill-edge and --drain-edge are for a server of our own with --edges 2 or more, and nothing else broken"
        )
    if broken is not None and asked.seconds is None and fault_count is None:
        raise typer.BadParameter(
            "how long hands take is not known before: with --faults give --seconds or --fault-count"
        )
    if day_seconds is not None and (url or not (prove or broken is not None)):
        raise typer.BadParameter("--day-seconds is for a server of our own, with --prove or --faults")
    if broken is not None or prove:
        passed = prove_it(asked, broken, edges or 1, carried, day_seconds, report, json)
    else:
        passed = measure(asked, edges, carried, processes, json)
    raise typer.Exit(0 if passed else 1)


def _scenario(
    *,
    urls: tuple[str, ...],
    tables: int,
    seats: int,
    spectators: int,
    game: str,
    options: str,
    think: str,
    rate: float | None,
    churn: str,
    hands: int | None,
    seconds: float | None,
    ramp: float,
    seed: int,
    check: str | None,
    data_dir: Path,
    endless: int | None,
    kill_edge: bool,
    drain_edge: bool,
) -> Scenario:
    """The options of a command line as a scenario. Raises ValueError, with the reason in words."""
    import msgspec

    from tavola.load.bots.churn import parse as parse_churn
    from tavola.load.measure.scenario import Scenario
    from tavola.load.measure.scenario import think as parse_think

    if check not in (None, "full", "sample"):
        raise ValueError("--check is full or sample")
    games = tuple(name.strip() for name in game.split(","))
    given = msgspec.json.decode(options, type=dict)
    if len(set(games)) > 1 and not given.keys() <= set(games):
        raise ValueError('with several games, --options are by game: {"holdem": {"seats": 3}}')
    if games == ("holdem",) and seats > 6:
        given.setdefault("seats", min(seats, 10))
    until_stopped = seconds is None and (hands is not None or endless is not None)
    return Scenario(
        urls=urls,
        tables=tables,
        bots=seats,
        spectators=spectators,
        games=games,
        options=given,
        think_s=parse_think(think),
        rate=rate,
        churn=parse_churn(churn),
        hands=hands,
        seconds=None if until_stopped else seconds or 20.0,
        ramp_s=ramp,
        seed=seed,
        check="full" if check == "full" or (check is None and tables <= FULL_UP_TO) else "sample",
        sample=max(SAMPLE, tables // CHECKED_AT_MOST),
        data_dir=data_dir,
        kill_edge=kill_edge,
        drain_edge=drain_edge,
    )


def _faults(text: str, rate: float, count: int | None, *, found: bool) -> Faults | None:
    """None without any; `all` is what can be done to a stack that was `found`. Raises ValueError."""
    if not text:
        return None
    from tavola.load.faults.injector import parse
    from tavola.load.faults.kinds import ON_THE_WIRE
    from tavola.load.run.prove import Faults

    shares = parse(text)
    if found and text.strip() == "all":
        shares = {kind: share for kind, share in shares.items() if kind not in ON_THE_WIRE}
    return Faults(shares, rate, count)


app = typer.Typer(add_completion=False)
app.command()(load)
