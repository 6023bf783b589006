"""A room that cannot be read, made again from its checkpoints and its log: as far as they go, compared on the way.

Nothing is written here but by `write`, and nothing is written over before a copy of it is kept (`repairs`).
"""

from __future__ import annotations

import asyncio

import msgspec
import structlog

from tavola.actors.log.unreadable import ChangedByHand, Corrupted, Newer
from tavola.actors.past import archive
from tavola.actors.room.codec import room_of, settings_of, told
from tavola.actors.room.play import game_of
from tavola.actors.room.rows import settings_text, table_text
from tavola.actors.room.state import Room
from tavola.actors.wire.commands import RoomId
from tavola.storage.postgres import Database
from tavola.storage.rows import Row

log = structlog.get_logger()

CHECKPOINTS = 5
"""How many checkpoints are tried, from the newest on: one that can be read may yet be wrong."""
ROWS_LIMIT = 10_000
"""Rows of the log that an actor replays at most, by itself."""
PAGE = 20
"""Rows that are replayed at a stretch: some 10 ms, in which other rooms wait."""


class Way(msgspec.Struct, frozen=True):
    """How far a checkpoint and the log lead: to `room`, as it was at `reached`; `problem` is what was found beyond."""

    start: int
    reached: int
    room: Room | None
    problem: str


async def way_to(database: Database, room: RoomId, seq: int, rows_limit: int | None = None) -> Way:
    """The way that leads furthest towards `seq`. Raises `StorageUnavailable`."""
    best, before, refused = Way(-1, -1, None, "no checkpoint is kept"), seq, False
    for _ in range(CHECKPOINTS):
        start = await database.row("checkpoint_before", room_id=room, seq=before)
        if start is None:
            break
        way = await way_from(database, room, start, seq, rows_limit)
        if way.reached > best.reached or not refused:
            best = way if way.reached > best.reached else Way(best.start, best.reached, best.room, way.problem)
            refused = True
        if best.reached == seq:
            break
        before = start["seq"] - 1
    return best


async def way_from(database: Database, room: RoomId, start: Row, seq: int, rows_limit: int | None = None) -> Way:
    """How far this checkpoint and the log lead towards `seq`. Raises `StorageUnavailable`."""
    begun: int = start["seq"]
    at, found = begun, None
    try:
        found = archive.opened(room, begun, start["state"])
        while at < seq:
            if rows_limit is not None and at - begun >= rows_limit:
                return Way(begun, at, found, f"more than {rows_limit} updates since the checkpoint at {begun}")
            rows = await database.rows("log_commands", room_id=room, after=at, most=min(PAGE, seq - at))
            if at == begun and (not rows or rows[0]["seq"] > at + 1) and await expired(database, room, begun):
                kept = f"history begins at seq {rows[0]['seq']}" if rows else f"no history is left after {at}"
                return Way(begun, at, found, f"{kept}, as kept")
            if not rows:
                return Way(begun, at, found, f"the log ends at {at}")
            try:
                found, at = archive.forward(found, at, rows), at + len(rows)
            except Corrupted:
                for row in rows:  # Up to the one that is wrong.
                    found, at = archive.forward(found, at, [row]), at + 1
            await asyncio.sleep(0)
    except Corrupted as error:
        return Way(begun, at if found is not None else -1, found, f"at {error.seq}: {error.found}")
    return Way(begun, at, found, "")


async def expired(database: Database, room: str, seq: int) -> bool:
    """Whether the updates after the room's checkpoint at `seq` are gone because they were too old to be kept: no hole.
    Raises `StorageUnavailable`."""
    row = await database.row("log_expired", room_id=room, seq=seq)
    return row is not None and bool(row["expired"])


class Rebuilt(msgspec.Struct, frozen=True):
    """The state and, if they were unreadable too, the settings that a room's rows should have."""

    start: int
    state: str
    settings: str | None


async def rebuilt(database: Database, row: Row, rows_limit: int | None = None) -> Rebuilt | Way:
    """The rows of the room in a row of `load_room` as its log gives them; or the way that does not lead there. Raises
    `StorageUnavailable`."""
    room, seq = RoomId(row["id"]), row["seq"]
    way = await way_to(database, room, seq, rows_limit)
    if way.room is None or way.reached < seq:
        return way
    state, settings = table_text(way.room), None if _settings_can_be_read(row, way.room) else settings_text(way.room)
    fitting = {**dict(row), "state": state, "settings": settings or row["settings"], "intact": True}
    try:
        if room_of(fitting) == way.room:
            return Rebuilt(way.start, state, settings)
        problem = "members or settings that the log does not lead to"
    except Corrupted as error:
        problem = error.found
    return Way(way.start, way.reached, way.room, problem)


def _settings_can_be_read(row: Row, room: Room) -> bool:
    try:
        with told(row["id"], row["seq"]):
            settings_of(row["settings"], game_of(room))
    except Corrupted:
        return False
    return True


async def write(database: Database, row: Row, found: str, better: Rebuilt, done: str = "", *, free: bool) -> int | None:
    """Put a room's rows right, unless they changed meanwhile (None): the number of the copy. Raises
    `StorageUnavailable`."""
    kept = await database.row(
        "rebuild_room",
        room_id=row["id"],
        epoch=row["epoch"],
        seq=row["seq"],
        was=row["state"],
        state=better.state,
        settings=better.settings,
        found=found,
        done=done or f"rebuilt from the checkpoint at {better.start} and the log",
        free=free,
    )
    return None if kept is None else int(kept["number"])


async def rebuild(database: Database, row: Row, why: Corrupted) -> bool:
    """Have a room that cannot be read rebuilt, if it can be: then its row is to be read again. Raises
    `StorageUnavailable`, or `Corrupted` with all that was found."""
    better = await rebuilt(database, row, ROWS_LIMIT)
    if isinstance(better, Way) or (better.state == row["state"] and better.settings is None):
        led, problem = (better.reached, better.problem) if isinstance(better, Way) else (why.seq, "to what is there")
        raise Corrupted(why.room, why.seq, f"{why.found}; the log leads to {led}: {problem}")
    number = await write(database, row, why.found, better, free=False)
    if number is not None:
        log.warning("room.rebuilt", room=why.room, seq=why.seq, found=why.found, checkpoint=better.start, repair=number)
    return number is not None


def mends(why: Corrupted) -> bool:
    """Whether an actor may try by itself: not what a later release wrote, nor what somebody changed on purpose."""
    return not isinstance(why, Newer | ChangedByHand)
