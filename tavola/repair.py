"""`tavola room repair`: says what is wrong with a room's stored form and what can be done, and does it if told to."""

from __future__ import annotations

import json as jsons

import msgspec
import typer
from rich.console import Console

from tavola.actors.host import rebuild
from tavola.actors.host.answers import REMEMBERED
from tavola.actors.host.loaded_room import LoadedRoom
from tavola.actors.log.unreadable import ChangedByHand, Corrupted, Newer
from tavola.actors.room import ending
from tavola.actors.room.play import game_of
from tavola.actors.room.rows import settings_text, snapshot, summary, table_text
from tavola.actors.room.state import Room
from tavola.actors.wire.commands import RoomId
from tavola.config.failures import Failure
from tavola.storage.postgres import Database
from tavola.storage.rows import Row


class Offer(msgspec.Struct, frozen=True):
    """Something that can be done: the options that do it, and what comes of it."""

    options: str
    does: str


class Diagnosis(msgspec.Struct, frozen=True):
    """A room's row, what was found, and what its checkpoints and its log lead to."""

    row: Row
    found: Corrupted | None
    better: rebuild.Rebuilt | rebuild.Way | None = None

    @property
    def offers(self) -> list[Offer]:
        offers = []
        if isinstance(self.better, rebuild.Rebuilt):
            does = f"put the state right from the checkpoint at {self.better.start} and the log; nothing is lost"
            offers.append(Offer("--yes", does))
        if isinstance(self.found, ChangedByHand):
            offers.append(Offer("--accept --yes", "take the state as it was changed"))
        if isinstance(self.better, rebuild.Way) and self.better.room is not None and self.better.reached < self.seq:
            to = self.better.reached
            does = f"go back to {to}, the last update that is good: {to + 1} to {self.seq} are lost to play"
            offers.append(Offer(f"--from {to} --yes", does))
        return offers

    @property
    def seq(self) -> int:
        seq: int = self.row["seq"]
        return seq


async def diagnose(database: Database, room: RoomId) -> Diagnosis:
    """Raises `StorageUnavailable`."""
    row = await database.row("load_room", rooms=[room])
    if row is None:
        raise Failure(f"room {room} has no state: it is being removed")
    recent = await database.rows("log_last", rooms=[room], seqs=[row["seq"]], most=REMEMBERED)
    try:
        LoadedRoom(row, recent)
    except Newer as error:
        return Diagnosis(row, error)
    except Corrupted as error:
        better = await rebuild.rebuilt(database, row)
        same = isinstance(better, rebuild.Rebuilt) and (better.state, better.settings) == (row["state"], None)
        if same and not isinstance(error, ChangedByHand):  # It is one of the log's last rows, before the checkpoint.
            start = await database.row("checkpoint_before", room_id=room, seq=max(0, recent[0]["seq"] - 1))
            if start is not None:
                better = await rebuild.way_from(database, room, start, row["seq"])
        return Diagnosis(row, error, better)
    return Diagnosis(row, None)


async def repair(
    database: Database, room: RoomId, *, back_to: int | None, accept: bool, yes: bool, as_json: bool
) -> None:
    """Prints. Raises `Failure`, also where something is wrong and nothing was done."""
    with Console(stderr=True).status(f"reading {room} and its log"):
        told = await diagnose(database, room)
    if told.found is None:
        if back_to is not None or accept:
            raise Failure(f"{room} can be read: there is nothing to repair")
        await database.rows("readable_again", room_id=room)
        await _say(database, told, None, as_json)
        return
    done = await _do(database, told, back_to, accept) if yes else None
    await _say(database, told, done, as_json)
    if done is None:
        raise Failure(f"{room}: nothing was done" + ("" if yes else "; give one of these with --yes to do it"))


async def _do(database: Database, told: Diagnosis, back_to: int | None, accept: bool) -> int | None:
    """The number of the copy that was kept, if anything could be done."""
    found = told.found
    assert found is not None
    room = RoomId(told.row["id"])
    if back_to is not None:
        way = await rebuild.way_to(database, room, back_to)
        if way.room is None or way.reached != back_to or back_to >= told.seq:
            raise Failure(
                f"{room} cannot go back to {back_to}: checkpoints and log lead to {way.reached}; {way.problem}"
            )
        number = await put_back(database, told.row, found.found, way.room, back_to)
    elif accept:
        if not isinstance(found, ChangedByHand):
            raise Failure(f"{room}: there is nothing to accept, for its state cannot be read: {found.found}")
        as_it_is = rebuild.Rebuilt(told.seq, told.row["state"], None)
        number = await rebuild.write(database, told.row, found.found, as_it_is, "accepted as it was changed", free=True)
    elif isinstance(told.better, rebuild.Rebuilt):
        number = await rebuild.write(database, told.row, found.found, told.better, free=True)
    else:
        return None
    if number is None:
        raise Failure(f"{room} went on meanwhile: look again")
    return number


async def put_back(database: Database, row: Row, found: str, room: Room, back_to: int) -> int | None:
    """All rows of a room become those of `room`, as it was at `back_to`; what was there is kept, under the number that
    is given. None: the room is not where `row` says."""
    people, about, table, game = snapshot(room), summary(room), room.table, game_of(room)
    async with database.transaction() as query:
        kept = await query(
            "put_back_room",
            room_id=row["id"],
            epoch=row["epoch"],
            seq=row["seq"],
            back_to=back_to,
            state=table_text(room),
            settings=settings_text(room),
            status=about["status"],
            host_id=about["host_id"],
            seated=about["players"],
            watching=about["spectators"],
            present=about["present"],
            reserved=about["reserved"],
            deferred=None if about["deferred"] is None else _text(about["deferred"]),
            alarm_at=ending.alarm(room),
            max_players=about["max_players"],
            game_id=about["current_game_id"],
            found=found,
            done=f"put back to {back_to}",
        )
        if not kept:
            return None
        await query(
            "put_back_people",
            room_id=row["id"],
            players=_text(people.players),
            spectators=_text(people.spectators),
            seats=_text(people.seats),
        )
        await query(
            "put_back_history",
            room_id=row["id"],
            game=table.games,
            hand=table.hand,
            running=table.running,
            in_hand=not game.between_rounds(table.game),
        )
        return int(kept[0]["number"])


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


async def _say(database: Database, told: Diagnosis, done: int | None, as_json: bool) -> None:
    room, found = told.row["id"], told.found
    before = await database.rows("repairs", room_id=room)
    problem = told.better.problem if isinstance(told.better, rebuild.Way) else None
    if as_json:
        said = {
            "room": room,
            "seq": told.seq,
            "found": None if found is None else found.found,
            "refused": None if found is None else found.code,
            "log": problem,
            "offers": [] if done is not None else [msgspec.to_builtins(offer) for offer in told.offers],
            "done": done,
            "repairs": [{**dict(each), "at": each["at"].isoformat()} for each in before],
        }
        typer.echo(jsons.dumps(said, indent=2))
        return
    if found is None:
        typer.echo(f"{room} can be read, and stands at {told.seq}: there is nothing to repair")
    else:
        typer.echo(f"{room} at {told.seq} is refused {found.code}: {found.found}")
        if problem is not None:
            typer.echo(f"  its checkpoints and its log: {problem}")
        for offer in told.offers if done is None else []:
            typer.echo(f"  tavola room repair {room} {offer.options:<18}  {offer.does}")
        if done is None and isinstance(found, Newer):
            typer.echo("  it needs no repair: start this release's successor, or the one that had the room")
        elif done is None and not told.offers:
            typer.echo("  neither a checkpoint nor the log helps: put a backup back")
    for each in before:
        when = f"{each['at']:%Y-%m-%d %H:%M:%S}"
        typer.echo(f"  repair {each['number']} of {when}, at {each['seq']}: {each['done']} ({each['found']})")
