"""An operator's commands for rooms: `tavola rooms` and `tavola room`. Reads the database; evicts over a line;
takes a room back in its actor's place."""

from __future__ import annotations

import asyncio
import enum
import json as jsons
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
import structlog
import typer
from rich.console import Console
from rich.table import Table

from tavola import rollback
from tavola.actors.cluster.directory import Place
from tavola.actors.host import rebuild
from tavola.actors.log.logged import logged_of
from tavola.actors.log.unreadable import Corrupted
from tavola.actors.past import replay
from tavola.actors.room import codec
from tavola.actors.wire.commands import RoomId
from tavola.actors.wire.line import Line, LineLost
from tavola.actors.wire.messages import Evict
from tavola.config.failures import Failure
from tavola.config.settings import Settings
from tavola.config.settings import load as load_settings
from tavola.games.registry.discovery import install
from tavola.storage.postgres import Database, StorageUnavailable
from tavola.storage.rows import Row

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
COLUMNS = ("id", "code", "game", "status", "seq", "members", "actor", "node", "pid", "epoch")
PAGE = 500


class Action(enum.StrEnum):
    SHOW = "show"
    LOG = "log"
    VERIFY = "verify"
    EVICT = "evict"
    ROLLBACK = "rollback"
    FORK = "fork"
    REPAIR = "repair"


@app.command()
def rooms(json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Every room: where it is and how far."""
    rows = _run(lambda database, _: database.rows("all_rooms", named=None))
    listed = [{column: row[column] for column in COLUMNS} for row in rows]
    if json:
        typer.echo(jsons.dumps(listed, indent=2))
        return
    table = Table(*COLUMNS, box=None, header_style="bold")
    for room in listed:
        table.add_row(*("-" if room[column] is None else str(room[column]) for column in COLUMNS))
    console = Console()
    if not console.is_terminal:
        console.width = 240
    console.print(table if listed else "There are no rooms yet.")


@app.command()
def room(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[show|log|verify|evict|repair|rollback|fork] ID", help="The command, and the room's id or code."
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    after: Annotated[int, typer.Option(min=0, help="log: only updates after this seq.")] = 0,
    back_to: Annotated[
        int | None,
        typer.Option("--from", min=0, metavar="SEQ", help="repair: go on from here; all after it is lost."),
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="repair: take a state that was changed by hand.")] = False,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="repair: do it; else it is only said what can be done. rollback: do not ask."),
    ] = False,
    to: Annotated[int | None, typer.Option(min=0, help="rollback: the seq that the room goes back to.")] = None,
    reason: Annotated[str | None, typer.Option(help="rollback: told to everybody in the room.")] = None,
    at: Annotated[int | None, typer.Option(min=0, help="fork: the seq at which the other room begins.")] = None,
    host: Annotated[
        str | None, typer.Option(help="fork: the user who is host of it; else the host of the first room.")
    ] = None,
) -> None:
    """One room. show: where it is, and who has which part. log: its updates, as players and spectators were told.
    verify: replay the log and compare. evict: drop it from its actor's memory (what is stored stays).
    repair: say what is wrong with what is stored and what can be done, and do it with --yes; a copy is kept first.
    rollback: take it back to how it was at a seq; a hand that ran then is called off. fork: another room, private and
    paused, that begins as it was at a seq.
    """
    action, named = _words(words)
    match action:
        case Action.SHOW:
            _run(lambda database, _: _show(database, named, json))
        case Action.LOG:
            _run(lambda database, _: _log(database, named, after, json))
        case Action.VERIFY:
            _run(lambda database, _: verify(database, named, json))
        case Action.EVICT:
            _run(lambda database, settings: _evict(database, settings, named))
        case Action.REPAIR:
            _run(lambda database, _: _repair(database, named, back_to, accept, yes, json))
        case Action.ROLLBACK:
            _run(lambda database, settings: _roll_back(database, settings, named, given(to, "--to"), reason, yes, json))
        case Action.FORK:
            _run(lambda database, settings: _fork(database, settings, named, given(at, "--at"), host, json))


def given(seq: int | None, option: str) -> int:
    if seq is None:
        raise typer.BadParameter(f"say {option} SEQ: `tavola room log ID` shows which there are")
    return seq


def _words(words: list[str]) -> tuple[Action, str]:
    actions = [word for word in words if word in list(Action)]
    names = [word for word in words if word not in list(Action)]
    if len(names) != 1 or len(actions) > 1:
        raise typer.BadParameter(f"give one room, and at most one of {', '.join(Action)}")
    return Action(actions[0]) if actions else Action.SHOW, names[0]


def connected(work: Callable[[Database], Awaitable[Any]]) -> Any:
    """The outcome of `work` on the deployment's database. Raises `Failure` when that does not answer."""
    return _run(lambda database, _: work(database))


def worked(work: Callable[[Database, Settings], Awaitable[Any]]) -> Any:
    """The same, of work that asks for settings."""
    return _run(work)


def _run(work: Callable[[Database, Settings], Awaitable[Any]]) -> Any:
    settings = load_settings()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # Programs read what is printed.
    install(settings.games, settings.games_path)

    async def connect_and_work() -> Any:
        database = await Database.connect(settings.database_url, least=1, most=2)
        try:
            return await work(database, settings)
        finally:
            await database.close()

    try:
        return asyncio.run(connect_and_work())
    except StorageUnavailable as error:
        raise Failure(f"the database does not answer ({error})") from error


async def _find(database: Database, named: str) -> Row:
    row = await database.row("all_rooms", named=named)
    if row is None:
        raise Failure(f"there is no room {named!r}")
    return row


async def _show(database: Database, named: str, json: bool) -> None:
    row = await _find(database, named)
    stored = await database.row("load_room", rooms=[row["id"]])
    assert stored is not None
    if row["unread_code"] is not None:
        typer.echo(
            f"since {row['unread_at']:%Y-%m-%d %H:%M:%S} refused {row['unread_code']}: {row['unread_found']}", err=True
        )
    try:
        room = codec.room_of(stored)
    except Corrupted as error:
        raise Failure(
            f"room {row['id']} at {row['seq']}: {error.found}; see `tavola room repair {row['id']}`"
        ) from error
    members = {
        user: {
            "display_name": member.name,
            "status": member.standing,
            "watching": member.watching,
            "banned": member.banned,
        }
        for user, member in room.members.items()
    }
    table = room.table
    seats = {str(index): seat.user for index, seat in table.seats.items()}
    shown = {**{column: row[column] for column in COLUMNS}, "members": members, "seats": seats}
    shown |= {"name": row["name"], "alarm_at": row["alarm_at"], "updated_at": row["updated_at"]}
    shown |= {"state_bytes": row["bytes"], "turn": msgspec.to_builtins(table.turn)}
    if table.beside:
        shown["turns"] = msgspec.to_builtins(table.running_turns)
    if json:
        typer.echo(jsons.dumps(shown, indent=2))
        return
    for key, value in shown.items():
        if isinstance(value, dict):
            typer.echo(f"{key}:")
            for name, each in value.items():
                typer.echo(f"  {name}: {each if not isinstance(each, dict) else ', '.join(map(str, each.values()))}")
        else:
            typer.echo(f"{key}: {'-' if value is None else value}")


async def _log(database: Database, named: str, after: int, json: bool) -> None:
    room = (await _find(database, named))["id"]
    while rows := await database.rows("log_commands", room_id=room, after=after, most=PAGE):
        for row in rows:
            logged = logged_of(room, row)
            events = jsons.loads(bytes(logged.events))
            kind = jsons.loads(bytes(logged.command))["type"]
            if json:
                fields = {"seq": row["seq"], "epoch": row["epoch"], "at": row["at"], "user_id": row["user_id"]}
                typer.echo(jsons.dumps({**fields, "command": kind, "events": events}))
            else:
                who = logged.user_name or "-"
                told = "; ".join(_told(event) for event in events)
                typer.echo(f"{row['seq']:>6}  {who:<16} {kind:<16} {told}")
        after = rows[-1]["seq"]


def _told(event: dict[str, Any]) -> str:
    return " ".join([event.pop("kind"), *(f"{name}={value}" for name, value in event.items())])


async def verify(database: Database, named: str, json: bool) -> None:
    """Replay from the first checkpoint that the log follows on; the updates and the state must come out as they are
    stored. A beginning that was too old to be kept is no fault."""
    room = (await _find(database, named))["id"]
    stored = await database.row("load_room", rooms=[room])
    start = await database.row("checkpoint_first", room_id=room)
    if stored is None or start is None:
        raise Failure(f"room {room} has no checkpoint to replay from")
    if start["seq"] < stored["seq"] and await rebuild.expired(database, room, start["seq"]):
        rows = await database.rows("log_commands", room_id=room, after=start["seq"], most=1)
        first = rows[0]["seq"] if rows else stored["seq"] + 1
        start = await database.row("checkpoint_from", room_id=room, seq=first - 1)
        if start is None:
            _tell_expired(room, stored["seq"], first, json)
            return
    try:
        await _replayed(database, room, stored, start, json)
    except Corrupted as error:
        raise Failure(f"{room} at {error.seq}: {error.found}") from error


def _tell_expired(room: str, seq: int, first: int, json: bool) -> None:
    """Nothing can be replayed until the next checkpoint is kept."""
    if json:
        told = {"room": room, "seq": seq, "replayed": 0, "problem": None, "expired_before": first}
        typer.echo(jsons.dumps(told))
    else:
        typer.echo(
            f"{room}: nothing to replay: its log before {first} has expired, and no later checkpoint is kept yet"
        )


async def _replayed(database: Database, room: str, stored: Row, start: Row, json: bool) -> None:
    replayed, after = codec.restore(start["state"], room, start["seq"]), start["seq"]
    problem: str | None = None
    while problem is None and after < stored["seq"]:
        rows = await database.rows("log_commands", room_id=room, after=after, most=PAGE)
        if [row["seq"] for row in rows] != list(range(after + 1, after + 1 + len(rows))) or not rows:
            problem = f"the log has a hole after {after}"
            break
        rows = [row for row in rows if row["seq"] <= stored["seq"]]
        with codec.told(room, after):
            outcome = replay.replay(replayed, rows)
        if isinstance(outcome, replay.Difference):
            problem = f"at {outcome.seq} the log and its replay differ in {outcome.what}"
        else:
            replayed, after = outcome, rows[-1]["seq"]
    if problem is None and codec.room_of(stored).table != replayed.table:
        problem = f"the state stored at {stored['seq']} is not what the log gives"
    updates = stored["seq"] - start["seq"]
    if json:
        typer.echo(jsons.dumps({"room": room, "seq": stored["seq"], "replayed": updates, "problem": problem}))
    elif problem is None:
        typer.echo(f"{room}: {updates} updates replayed, all as they are stored")
    if problem is not None:
        raise Failure(f"{room}: {problem}")


async def _roll_back(
    database: Database, settings: Settings, named: str, to: int, reason: str | None, yes: bool, json: bool
) -> None:
    row = await _find(database, named)
    plan = await rollback.planned(database, RoomId(row["id"]), row["seq"], to)
    if not json:
        for line in plan.lines():
            typer.echo(line)
    if not yes and not typer.confirm("Go back?"):
        raise Failure(f"{row['id']} stays as it is")
    seq = await rollback.carried_out(database, settings, plan, reason)
    done = {"room": row["id"], "to": to, "seq": seq, "voided": plan.found.voided}
    typer.echo(jsons.dumps(done) if json else f"{row['id']} is as it was at {to}, by its update {seq}")


async def _fork(database: Database, settings: Settings, named: str, at: int, host: str | None, json: bool) -> None:
    row = await _find(database, named)
    plan = await rollback.planned(database, RoomId(row["id"]), row["seq"], at)
    made = await rollback.forked(database, settings, plan, host)
    if json:
        typer.echo(jsons.dumps({"room": made.id, "code": made.code, "host": made.host_id, "voided": plan.found.voided}))
        return
    typer.echo(f"{made.id} begins as {row['id']} was at {at}; its code is {made.code}")
    typer.echo(f"It is private and paused; {made.host_id} is its host, and may let it go on.")


async def _repair(database: Database, named: str, back_to: int | None, accept: bool, yes: bool, json: bool) -> None:
    from tavola.repair import repair

    found = RoomId((await _find(database, named))["id"])
    await repair(database, found, back_to=back_to, accept=accept, yes=yes, as_json=json)


async def _evict(database: Database, settings: Settings, named: str) -> None:
    room = RoomId((await _find(database, named))["id"])
    row = await database.row("locate", rooms=[room])
    if row is None or row["name"] is None:
        typer.echo(f"{room} is in no actor's memory")
        return
    place = Place(room, row["epoch"], row["name"], row["address"])
    try:
        line = await Line.connect(place.actor, place.address, settings.secrets, 2.0)
        try:
            async with asyncio.timeout(5):
                await line.ask(Evict(place.epoch, room))
        finally:
            line.cut("done")
    except (LineLost, TimeoutError) as error:
        raise Failure(f"{place.actor} does not answer ({error}); the next command places the room elsewhere") from error
    typer.echo(f"{room} dropped from {place.actor}; the next command loads it")
