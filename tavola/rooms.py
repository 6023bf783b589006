"""An operator's commands for rooms: `tavola rooms` and `tavola room`. Reads the database; evicts over a line."""

from __future__ import annotations

import asyncio
import enum
import json as jsons
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from tavola.actors.cluster.directory import Place
from tavola.actors.room import codec, replay
from tavola.actors.wire.commands import RoomId
from tavola.actors.wire.line import Line, LineLost
from tavola.actors.wire.messages import Evict
from tavola.config.failures import Failure
from tavola.config.settings import Settings
from tavola.config.settings import load as load_settings
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
        list[str], typer.Argument(metavar="[show|log|verify|evict] ID", help="The command, and the room's id or code.")
    ],
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    after: Annotated[int, typer.Option(min=0, help="log: only updates after this seq.")] = 0,
) -> None:
    """One room. show: where it is, and who has which part. log: its updates, as players and spectators were told.
    verify: replay the log and compare. evict: drop it from its actor's memory (what is stored stays).
    """
    action, named = _words(words)
    match action:
        case Action.SHOW:
            _run(lambda database, _: _show(database, named, json))
        case Action.LOG:
            _run(lambda database, _: _log(database, named, after, json))
        case Action.VERIFY:
            _run(lambda database, _: _verify(database, named, json))
        case Action.EVICT:
            _run(lambda database, settings: _evict(database, settings, named))


def _words(words: list[str]) -> tuple[Action, str]:
    actions = [word for word in words if word in list(Action)]
    names = [word for word in words if word not in list(Action)]
    if len(names) != 1 or len(actions) > 1:
        raise typer.BadParameter("give one room, and at most one of show, log, verify, evict")
    return Action(actions[0]) if actions else Action.SHOW, names[0]


def _run(work: Callable[[Database, Settings], Awaitable[Any]]) -> Any:
    settings = load_settings()

    async def connected() -> Any:
        database = await Database.connect(settings.database_url, least=1, most=2)
        try:
            return await work(database, settings)
        finally:
            await database.close()

    try:
        return asyncio.run(connected())
    except StorageUnavailable as error:
        raise Failure(f"the database does not answer ({error})") from error


async def _find(database: Database, named: str) -> Row:
    row = await database.row("all_rooms", named=named)
    if row is None:
        raise Failure(f"there is no room {named!r}")
    return row


async def _show(database: Database, named: str, json: bool) -> None:
    row = await _find(database, named)
    stored = await database.row("load_room", room_id=row["id"])
    assert stored is not None
    room = codec.room_of(stored)
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
            logged = codec.logged_of(room, row)
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


async def _verify(database: Database, named: str, json: bool) -> None:
    """Replay from the room's first checkpoint; the updates and the state must come out as they are stored."""
    room = (await _find(database, named))["id"]
    stored = await database.row("load_room", room_id=room)
    start = await database.row("checkpoint_first", room_id=room)
    if stored is None or start is None:
        raise Failure(f"room {room} has no checkpoint to replay from")
    replayed, after = codec.restore(start["state"]), start["seq"]
    problem: str | None = None
    while problem is None and after < stored["seq"]:
        rows = await database.rows("log_commands", room_id=room, after=after, most=PAGE)
        if [row["seq"] for row in rows] != list(range(after + 1, after + 1 + len(rows))) or not rows:
            problem = f"the log has a hole after {after}"
            break
        rows = [row for row in rows if row["seq"] <= stored["seq"]]
        outcome = replay.replay(replayed, rows)
        if isinstance(outcome, replay.Difference):
            problem = f"at {outcome.seq} the log and its replay differ in {outcome.what}"
        else:
            replayed, after = outcome, rows[-1]["seq"]
    if problem is None and msgspec.json.decode(msgspec.json.encode(replayed.table)) != jsons.loads(stored["state"]):
        problem = f"the state stored at {stored['seq']} is not what the log gives"
    updates = stored["seq"] - start["seq"]
    if json:
        typer.echo(jsons.dumps({"room": room, "seq": stored["seq"], "replayed": updates, "problem": problem}))
    elif problem is None:
        typer.echo(f"{room}: {updates} updates replayed, all as they are stored")
    if problem is not None:
        raise Failure(f"{room}: {problem}")


async def _evict(database: Database, settings: Settings, named: str) -> None:
    room = RoomId((await _find(database, named))["id"])
    row = await database.row("locate", room_id=room)
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
