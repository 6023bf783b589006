"""`tavola upgrade check`: would this release load every stored room, and decide as it was decided? Changes nothing."""

from __future__ import annotations

import json as jsons
import zlib
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from tavola.actors.host import rebuild
from tavola.actors.host.answers import REMEMBERED
from tavola.actors.host.loaded_room import LoadedRoom
from tavola.actors.log.unreadable import Corrupted
from tavola.actors.past.replay import RULES_GONE
from tavola.actors.wire.commands import RoomId
from tavola.config.failures import Failure
from tavola.rooms import connected
from tavola.storage.migrate import missing
from tavola.storage.postgres import Database

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
PAGE = 200
SHOWN = 20
"""How many rooms that would not load are named, unless all are asked for as JSON."""


class Hindrance(msgspec.Struct, frozen=True):
    """Something that this release cannot do with a stored room."""

    room: str
    game: str
    seq: int
    problem: str


class UpgradeReport(msgspec.Struct):
    """All that was looked at. `rows` were replayed; `rules_gone` are rooms whose sample older rules decided."""

    rooms: int = 0
    replayed: int = 0
    rows: int = 0
    rules_gone: int = 0
    found: list[Hindrance] = []


@app.callback()
def upgrade() -> None:
    """Before a new release takes over."""


@app.command()
def check(
    sample: Annotated[int, typer.Option(min=0, help="Of how many rooms, more or less, the log is replayed.")] = 200,
    rows: Annotated[
        int, typer.Option(min=1, help="How many updates of each are replayed, from the last on back.")
    ] = 500,
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Reads every stored room with this release's code and replays a sample of their logs, to the byte; exit code 1 if
    one would not load or comes out otherwise. Changes nothing. Run `tavola migrate` before it.
    """
    report: UpgradeReport = connected(lambda database: examined(database, sample, rows))
    if json:
        typer.echo(jsons.dumps(msgspec.to_builtins(report), indent=2))
    else:
        _show(report)
    if report.found:
        raise Failure(f"{len(report.found)} of {report.rooms} rooms would not go on with this release")


async def examined(database: Database, sample: int, rows: int) -> UpgradeReport:
    """Raises `Failure` where the tables are not this release's, and `StorageUnavailable`."""
    if waiting := await missing(database):
        raise Failure(f"run `tavola migrate` first: {', '.join(waiting)} is not applied here")
    [counted] = await database.rows("count_rooms")
    report, after = UpgradeReport(), ""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading rooms", total=counted["rooms"])
        while page := await database.rows("rooms_after", after=after, most=PAGE):
            for row in page:
                chosen = _chosen(row["id"], sample, counted["rooms"])
                await _room(database, RoomId(row["id"]), row["game"], rows if chosen else 0, report)
                progress.advance(task)
            after = page[-1]["id"]
    return report


def _chosen(room: str, sample: int, rooms: int) -> bool:
    """Whether the room's log is replayed: always the same ones, from anywhere among them."""
    return zlib.crc32(room.encode()) % max(rooms, 1) < sample


async def _room(database: Database, room: RoomId, game: str, rows: int, report: UpgradeReport) -> None:
    row = await database.row("load_room", rooms=[room])
    if row is None:
        return  # it was removed meanwhile
    report.rooms += 1

    def tell(seq: int, problem: str) -> None:
        report.found.append(Hindrance(room, game, seq, problem))

    recent = await database.rows("log_last", rooms=[room], seqs=[row["seq"]], most=REMEMBERED)
    try:
        loaded = LoadedRoom(row, recent)
    except Corrupted as error:
        tell(error.seq, error.found)
        return
    start = await database.row("checkpoint_before", room_id=room, seq=max(0, row["seq"] - rows)) if rows else None
    if start is None:
        return
    if start["seq"] < row["seq"] and await rebuild.expired(database, room, start["seq"]):
        return  # It was read; of its log, what followed is too old to be kept.
    way = await rebuild.way_from(database, room, start, row["seq"])
    report.replayed += 1
    report.rows += max(0, way.reached - way.start)
    if RULES_GONE in way.problem:
        report.rules_gone += 1
    elif way.problem:
        tell(way.reached + 1, way.problem)
    elif way.room is not None and way.room.table != loaded.room.table:
        tell(row["seq"], "the log leads to another state")


def _show(report: UpgradeReport) -> None:
    typer.echo(f"{report.rooms} rooms read; the logs of {report.replayed} replayed, {report.rows} updates")
    if report.rules_gone:
        typer.echo(f"  {report.rules_gone} of those not, for they were decided by rules that this release has no more")
    for each in report.found[:SHOWN]:
        typer.echo(f"  {each.room} ({each.game}) at {each.seq}: {each.problem}")
    if len(report.found) > SHOWN:
        typer.echo(f"  and {len(report.found) - SHOWN} more; --json names them all")
    if not report.found:
        typer.echo("all of them would go on with this release")
