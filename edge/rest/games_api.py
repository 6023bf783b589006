"""A game as it is kept, by REST, for its host: a checkpoint now, a checkpoint shown, its room removed."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal

import msgspec

from tavola.actors.room import archive
from tavola.actors.room.codec import Corrupted
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import NO_REMOVAL, NO_ROOM, NO_VERSION, NOT_HOST
from tavola.edge.rest.lobby import iso
from tavola.edge.rest.rest import Answer, Call, Endpoint, RestReply
from tavola.edge.rest.strangers import hidden
from tavola.storage.postgres import BIGINT, Database
from tavola.storage.rows import Row

GAME = "/api/game/{room}"


class Keep(msgspec.Struct, frozen=True):
    """Without `force_overwrite`, a checkpoint that is there stays as it is."""

    force_overwrite: bool = False


class Version(msgspec.Struct, frozen=True):
    version: Annotated[int, msgspec.Meta(ge=0, le=BIGINT, description="The last one, if it is not given.")] | None = (
        None
    )


class Persisted(msgspec.Struct, frozen=True):
    """`version` is the seq of the update that led to the state."""

    success: bool
    persisted_at: str
    version: int


class RoomRemoval(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far the removal of a room is. `version` was its last seq; of `rows`, its log when that began, `rows_removed`
    are gone. Asked again, it is the same one; its host may look until a year after it is `done`."""

    success: bool
    version: int
    status: Literal["queued", "running", "done"]
    rows: int
    rows_removed: int
    requested_at: str
    finished_at: str | None = None


class Restored(msgspec.Struct, frozen=True):
    """The view that everybody at the table had then; secrets are left out."""

    version: int
    persisted_at: str
    state: dict[str, Any]


def endpoints(database: Database) -> list[Endpoint]:
    async def owned(call: Call) -> Row | Refusal:
        row = await database.row("owned_room", room_id=call.room)
        if row is None:
            return NO_ROOM
        if row["host_id"] == call.identity.user:
            return row
        return NO_ROOM if await hidden(database, call) else NOT_HOST

    async def persist(call: Call) -> Answer:
        room = await owned(call)
        if isinstance(room, Refusal):
            return room
        row = await database.row("load_room", room_id=call.room)
        if row is None:
            return NO_ROOM
        try:
            state = archive.kept(row)
        except Corrupted as error:
            return error.refusal()
        now = time.time_ns() // 1_000_000
        kept = await database.row(
            "keep_checkpoint",
            room_id=call.room,
            seq=row["seq"],
            state=state,
            at=now,
            overwrite=call.body.force_overwrite,
        )
        assert kept is not None
        return Persisted(True, iso(kept["at"]), row["seq"])

    async def restore(call: Call) -> Answer:
        room = await owned(call)
        if isinstance(room, Refusal):
            return room
        kept = await database.row("kept_checkpoint", room_id=call.room, seq=call.query.version)
        if kept is None:
            return NO_VERSION
        try:
            return Restored(kept["seq"], iso(kept["at"]), archive.shown(call.room, kept["seq"], kept["state"]))
        except Corrupted as error:
            return error.refusal()

    async def removal(call: Call) -> Answer:
        row = await database.row("removal", room_id=call.room, user_id=call.identity.user)
        return NO_REMOVAL if row is None or not row["hosted"] else _removal(row)

    async def remove(call: Call) -> Answer:
        room = await owned(call)
        if not isinstance(room, Refusal):
            asked = await database.row("ask_removal", room_id=call.room, at=time.time_ns() // 1_000_000)
            if asked is None and await database.row("removed", room_id=call.room) is None:
                return Refusal("hand_in_progress", "A game and its room can be removed when the room is closed.")
        found = await removal(call)
        if isinstance(found, Refusal):
            return room if isinstance(room, Refusal) else found
        return RestReply(found, {"Location": f"/api/game/{call.room}/persist"})

    path = f"{GAME}/persist"
    host_only = ("not_host", "corrupted_state")
    return [
        Endpoint("POST", path, persist, "Keep a checkpoint of the game now", Persisted, body=Keep, refusals=host_only),
        Endpoint(
            "DELETE",
            path,
            remove,
            "Have a closed room removed, and all that there is of it",
            RoomRemoval,
            status=202,
            refusals=("not_host", "hand_in_progress"),
        ),
        Endpoint("GET", path, removal, "How far the removal of a room is, for who was its host", RoomRemoval),
        Endpoint("GET", f"{GAME}/restore", restore, "A checkpoint, shown", Restored, query=Version, refusals=host_only),
    ]


def _removal(row: Row) -> RoomRemoval:
    finished, gone = row["finished_at"], row["rows_gone"]
    status: Literal["queued", "running", "done"] = "done" if finished is not None else "running" if gone else "queued"
    total = max(row["rows_before"], gone)
    at = iso(finished) if finished is not None else None
    return RoomRemoval(True, row["version"], status, total, gone, iso(row["asked_at"]), at)
