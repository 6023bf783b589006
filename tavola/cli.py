"""The command line. Each command imports what it needs when it runs, so that `tavola --help` is there at once."""

import asyncio
import functools
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from tavola.bots import TABLE_LIMIT
from tavola.config.failures import Failure

app = typer.Typer(
    name="tavola",
    help="A runtime for game rooms that never lose a move.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

FORWARD = {"allow_extra_args": True, "ignore_unknown_options": True}
"""For a command whose options are described by the module that does it."""


class LogLevel(StrEnum):
    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


@app.command()
def dev(
    edges: Annotated[int, typer.Option(min=1, max=64, help="How many edges; each gets a port of its own.")] = 1,
    bots: Annotated[int, typer.Option(min=0, max=TABLE_LIMIT, help="Seat this many bots at a public table.")] = 0,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Of the first edge; 0: any free one.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where the databases, logs and secrets are kept.")] = None,
    game: Annotated[
        list[str] | None, typer.Option(metavar="MODULE:GAME", help="A game of yours, besides TAVOLA_GAMES; repeat it.")
    ] = None,
    reload: Annotated[
        bool, typer.Option("--reload", help="Code of games from outside that is saved is in rooms' next round.")
    ] = False,
) -> None:
    """Everything on this machine, until Ctrl-C: Postgres, Redis, Ray, steward and edges."""
    from tavola.config.settings import Settings
    from tavola.stack.dev import run

    games = (*Settings().games, *game) if game else None
    given = {"port": port, "data_dir": data_dir, "games": games, "games_reload": reload or None}
    run(Settings(**{name: value for name, value in given.items() if value is not None}), edges=edges, bots=bots)


@app.command()
def edge() -> None:
    """One edge, until SIGTERM."""
    from tavola.config.settings import load
    from tavola.stack.processes import raise_open_files

    settings = load()
    raise_open_files()
    from tavola.edge.app import serve

    serve(settings)


@app.command()
def bots(
    url: Annotated[list[str], typer.Option(help="Of an edge; repeat it, and bots outlive any one of them.")],
    table: Annotated[int, typer.Option(min=0, max=TABLE_LIMIT, help="Seat this many at a public table as well.")] = 0,
    game: Annotated[str, typer.Option(help="Of that table.")] = "holdem",
) -> None:
    """Plays for the bots that hosts have seated, until SIGTERM. `tavola dev` starts it by itself."""
    from tavola.config.settings import load

    settings = load()
    from tavola.bots.run import run

    run(settings, url, table=table, game=game)


@app.command()
def steward(
    wait: Annotated[bool, typer.Option("--wait", help="Start none: wait until this machine's works.")] = False,
) -> None:
    """The steward of this node, until SIGTERM: it starts the node's room actors and, if no other does, rings alarms and
    clears away. `tavola node` keeps one."""
    from tavola.config.settings import load

    settings = load(ray=not wait)
    if wait:
        from tavola.stack.parts import wait_for_ours

        asyncio.run(wait_for_ours(settings.database_url))
    else:
        from tavola.actors.cluster.steward_process import serve

        serve(settings)


@app.command(context_settings=FORWARD, add_help_option=False)
def node(context: typer.Context) -> None:
    """Starts Ray on this machine, with the options of `ray start`: workers take 0.2 s instead of 1.5. `keep`, before
    them: has it run from now on, with its steward and an edge, and start again when it ends and after a reboot; where
    nothing has changed it restarts nothing. `--room-actors=N`: so many it carries, so that Ray's autoscaler can
    tell when machines are needed. `stop`: ends what was started with this TAVOLA_STACK."""
    from tavola.node import run

    run(context.args)


@app.command()
def logs(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new events, until Ctrl-C.")] = False,
    room: Annotated[str | None, typer.Option(metavar="ID", help="Events that name this room.")] = None,
    part: Annotated[
        str | None, typer.Option(help="Of one process, such as edge-1, or of all of a kind: edge, room-actor, steward.")
    ] = None,
    level: Annotated[LogLevel, typer.Option(help="And of more weight.")] = LogLevel.debug,
    since: Annotated[
        str | None, typer.Option(help="30s, 10m, 2h, 1d, or a time. (default: all there is; with --follow: now)")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also of Postgres, Redis and Ray.")] = False,
    data_dir: Annotated[Path | None, typer.Option(help="Of the stack; it need not run.")] = None,
    json: Annotated[bool, typer.Option("--json", help="For programs: one object a line.")] = False,
) -> None:
    """The logs of all processes on this machine, edges, room actors, steward and bots, as one stream by time: those of
    the data folder's stack, or else of Ray nodes (`tavola node`)."""
    from tavola.config.settings import Settings
    from tavola.logs import run

    run(
        (data_dir or Settings().data_dir).expanduser().resolve(),
        follow=follow,
        room=room,
        part=part,
        level=level.value,
        since=since,
        everything=everything,
        as_json=json,
    )


@app.command()
def migrate(
    contract: Annotated[
        bool, typer.Option("--contract", help="Also take away what only the release before needs: none of it runs.")
    ] = False,
) -> None:
    """Brings the database up to date, while rooms are played. It may be interrupted, and goes on when run again."""
    from tavola.config.settings import load
    from tavola.storage.migrate import LocksNotHad, migrate

    say = functools.partial(typer.echo, err=True)
    try:
        for name in asyncio.run(migrate(load().database_url, contract=contract, say=say)):
            typer.echo(f"applied {name}")
    except LocksNotHad as error:
        raise Failure(str(error)) from error


@app.command()
def games(json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """The games that can be played: each with its version, and where it comes from."""
    from tavola.game_list import show

    show(as_json=json)


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder, or an empty one.")],
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """The whole database as of one moment, while play goes on: one compressed file of SQL and a manifest, with the
    fingerprint of the deployment's secret."""
    from tavola.backup import backup

    backup(folder, as_json=json)


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `tavola backup` made.", exists=True)],
    replace: Annotated[bool, typer.Option(help="All that is in the database goes.")] = False,
    new_secret: Annotated[bool, typer.Option(help="Go on with another secret: everybody is signed out.")] = False,
) -> None:
    """Puts a backup into an empty database: that of DATABASE_URL, or the one of the data folder, when no `tavola dev`
    runs on it. All of it, or nothing."""
    from tavola.backup import restore

    restore(folder, replace=replace, new_secret=new_secret)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Of the game, such as connect-four.")],
    folder: Annotated[Path | None, typer.Option(help="Where the project is made. (default: the name)")] = None,
) -> None:
    """Makes a project of a game of your own, that plays at once: rules, tests, pyproject and README."""
    from tavola.new import run

    run(name, folder)


@app.command()
def check(
    game: Annotated[str, typer.Argument(metavar="MODULE:GAME", help="A class, or the kind of one of `tavola games`.")],
    games: Annotated[int, typer.Option(min=1, help="How many random games.")] = 1000,
    seconds: Annotated[
        float, typer.Option(min=0, help="Stop after so long, with the games that were played by then; 0 plays all.")
    ] = 60,
    seed: Annotated[int, typer.Option(help="Of the games: the same seed plays the same.")] = 0,
    state_limit: Annotated[int, typer.Option(min=1, help="Bytes that a state may take.")] = 1024,
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Plays random games without servers, and checks what the contract of a game promises. A mistake is printed as a
    test, with the fewest moves that show it. Exit code 1 if there is one."""
    from tavola.check import run

    raise typer.Exit(
        0 if run(game, games=games, seconds=seconds, seed=seed, state_limit=state_limit, as_json=json) else 1
    )


@app.command()
def doctor(json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Shows what is reachable, versions, limits, clock. Exit code 1 if something is not fit."""
    from tavola.doctor import run

    raise typer.Exit(run(as_json=json))


@app.command(context_settings=FORWARD, add_help_option=False)
def rooms(context: typer.Context) -> None:
    """The rooms."""
    from tavola.rooms import app as operator

    operator(["rooms", *context.args], prog_name="tavola")


@app.command(context_settings=FORWARD, add_help_option=False)
def room(context: typer.Context) -> None:
    """One room: show it, its log; verify, evict, repair."""
    from tavola.rooms import app as operator

    operator(["room", *context.args], prog_name="tavola")


@app.command()
def drain(
    name: Annotated[str, typer.Argument(metavar="NODE|ACTOR|EDGE", help="As /admin shows it; a node by its address.")],
    wait: Annotated[bool, typer.Option(help="Say what is left until nothing is.")] = True,
    within: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Wait no longer; exit code 1 if something is left.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Turn it back: what is left stays.")] = False,
) -> None:
    """The rooms of a node or an actor go elsewhere while they are played, or the sockets of an edge; then it ends. A
    drained node starts no actor until that is undone. Exit code 2: nothing has that name; 3: it was turned back."""
    from tavola.drain import run

    run(name, undo=undo, wait=wait, within_s=within)


@app.command()
def rollout(
    status: Annotated[bool, typer.Option("--status", help="Show where the last one stands.")] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Move nothing more for now; what has moved stays.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on.")] = False,
    back: Annotated[bool, typer.Option("--back", help="Roll the code of before out again, at any point.")] = False,
    rate: Annotated[float, typer.Option(min=0.1, max=1000, help="Rooms that are moved a second.")] = 20,
    wait: Annotated[bool, typer.Option(help="Say what is left until nothing is.")] = True,
    check: Annotated[bool, typer.Option(help="Read every room with this code first.")] = True,
    json: Annotated[bool, typer.Option("--json", help="status: for programs.")] = False,
) -> None:
    """The code that lies on the machines takes over while rooms are played: room after room, edge after edge, and the
    stewards. Give it where the new code is. Exit code 2: not now, and why; 3: it was stopped."""
    from tavola import rollout

    if sum((status, pause, resume, back)) > 1:
        raise typer.BadParameter("give one of --status, --pause, --resume and --back")
    if status:
        rollout.show(as_json=json)
    elif pause or resume:
        rollout.pause(paused=pause)
    elif back:
        rollout.turn_back(wait=wait)
    else:
        rollout.run(a_second=rate, wait=wait, check=check)


@app.command(context_settings=FORWARD, add_help_option=False)
def archive(context: typer.Context) -> None:
    """The rows that retention took out of the database: list, show, verify, restore."""
    from tavola.archive import app as archive

    archive(context.args, prog_name="tavola archive")


@app.command(context_settings=FORWARD, add_help_option=False)
def upgrade(context: typer.Context) -> None:
    """Before a new release takes over: check."""
    from tavola.upgrade import app as upgrade

    upgrade(context.args, prog_name="tavola upgrade")


@app.command(context_settings=FORWARD, add_help_option=False)
def token(context: typer.Context) -> None:
    """Tokens for other servers: make, list, revoke."""
    from tavola.tokens import app as tokens

    tokens(context.args, prog_name="tavola token")


@app.command(context_settings=FORWARD, add_help_option=False)
def webhook(context: typer.Context) -> None:
    """Where the feed is sent to: add, list, remove; and its dead letters: dead, retry."""
    from tavola.webhooks import app as webhooks

    webhooks(context.args, prog_name="tavola webhook")


@app.command(context_settings=FORWARD, add_help_option=False)
def operator(context: typer.Context) -> None:
    """Operators: add, list, remove; what they did: log; and act."""
    from tavola.operators import app as operators

    operators(context.args, prog_name="tavola operator")


@app.command(context_settings=FORWARD, add_help_option=False)
def user(context: typer.Context) -> None:
    """All that is kept of one user: data."""
    from tavola.users import app as users

    users(context.args, prog_name="tavola user")


@app.command(context_settings=FORWARD, add_help_option=False)
def load(context: typer.Context) -> None:
    """Bots at many tables, and a verdict."""
    from tavola.load.cli import app as load

    load(context.args, prog_name="tavola load")


def main() -> None:
    try:
        app()
    except Failure as failure:
        _fail(failure)
    except Exception as error:
        from tavola.storage.postgres import StorageUnavailable  # It takes its time, and few commands need it.

        if not isinstance(error, StorageUnavailable):
            raise
        _fail(Failure(f"the database does not answer ({error})"))


def _fail(failure: Failure) -> NoReturn:
    print(f"tavola: {failure}", file=sys.stderr)
    sys.exit(failure.exit_code)
