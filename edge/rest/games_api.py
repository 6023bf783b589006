"""A game as it is kept, by REST, for its host: a checkpoint now, checkpoints listed and shown, the room taken back to
how it was, or removed."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from tavola.actors.wire.commands import SERVICE, RollBack
from tavola.actors.wire.errands import MakeCheckpoint, Playable, Recall
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import NO_REMOVAL, NO_ROOM, NO_VERSION, NOT_HOST
from tavola.config.clock import now_ms
from tavola.edge.rest.lobby import iso
from tavola.edge.rest.rest import Answer, AnyObject, Call, Endpoint, RestReply
from tavola.edge.rest.rewind import Rewind, recalled
from tavola.edge.rest.rooms_api import deliver
from tavola.edge.rest.strangers import hidden
from tavola.edge.ws.connection import Services
from tavola.storage.postgres import BIGINT
from tavola.storage.rows import Row

GAME = "/api/game/{room}"
VERSIONS = 50
"""Checkpoints that are listed at once."""


class Keep(msgspec.Struct, frozen=True):
    """Without `force_overwrite`, a checkpoint that is there stays as it is."""

    force_overwrite: bool = False


class Version(msgspec.Struct, frozen=True):
    version: Annotated[int, msgspec.Meta(ge=0, le=BIGINT, description="The last one, if it is not given.")] | None = (
        None
    )
    before: (
        Annotated[int, msgspec.Meta(ge=0, le=BIGINT, description="Of the list: only versions before this one.")] | None
    ) = None


class GoBack(msgspec.Struct, frozen=True):
    """`version` is any seq that the room has had."""

    version: Annotated[int, msgspec.Meta(ge=0, le=BIGINT)]
    reason: Annotated[str, msgspec.Meta(max_length=200)] | None = None


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


class KeptVersion(msgspec.Struct, frozen=True, omit_defaults=True):
    """`game` and `hand` are the numbers of those that were played then."""

    version: int
    persisted_at: str
    game: int = 0
    hand: int = 0


class Restored(msgspec.Struct, frozen=True):
    """The view that everybody at the table had then; secrets are left out. `versions` are those that are kept, the
    newest first, at most 50."""

    version: int
    persisted_at: str
    state: AnyObject
    versions: list[KeptVersion]


class WentBack(msgspec.Struct, frozen=True):
    """The update `seq` took the room back to `version`. `voided`: the hand that ran then, and is called off."""

    success: bool
    version: int
    seq: int
    voided: int | None


def endpoints(services: Services, rewind: Rewind) -> list[Endpoint]:
    database = services.database

    async def owned(call: Call) -> Row | Refusal:
        row = await database.row("owned_room", room_id=call.room)
        if row is None:
            return NO_ROOM
        # Another server comes here only where its scope allows what is asked.
        if row["host_id"] == call.identity.user or call.identity.user.startswith(SERVICE):
            return row
        return NO_ROOM if await hidden(database, call) else NOT_HOST

    async def persist(call: Call) -> Answer:
        room = await owned(call)
        if isinstance(room, Refusal):
            return room
        row = await database.row("load_room", rooms=[call.room])
        if row is None:
            return NO_ROOM
        state = await recalled(services.errand, MakeCheckpoint(dict(row)))
        if isinstance(state, Refusal):
            return state
        now = now_ms()
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
        before = BIGINT if call.query.before is None else call.query.before
        listed = await database.rows("kept_versions", room_id=call.room, before=before, most=VERSIONS)
        shown = await recalled(services.errand, Recall(call.room, kept["seq"], kept["state"], "shown"))
        if isinstance(shown, Refusal):
            return shown
        return Restored(kept["seq"], iso(kept["at"]), msgspec.Raw(shown.encode()), [_version(row) for row in listed])

    async def go_back(call: Call) -> Answer:
        room = await owned(call)
        if isinstance(room, Refusal):
            return room
        version: int = call.body.version
        if version > room["seq"]:
            return NO_VERSION
        then = await rewind.room_at(call.room, version)
        if isinstance(then, Refusal):
            return then
        made = await recalled(services.errand, Recall(call.room, version, then, "playable"))
        if isinstance(made, Refusal):
            return made
        found = _playable(made)
        command = RollBack(
            id=call.command_id,
            room=call.room,
            to=version,
            kept=found.kept,
            voided=found.voided,
            reason=call.body.reason,
        )
        done = await deliver(services, call, command)
        return done if isinstance(done, Refusal) else WentBack(True, version, done.seq, found.voided)

    async def removal(call: Call) -> RoomRemoval | Refusal:
        row = await database.row("removal", room_id=call.room, user_id=call.identity.user)
        return NO_REMOVAL if row is None or not row["hosted"] else _removal(row)

    async def remove(call: Call) -> Answer:
        room = await owned(call)
        if not isinstance(room, Refusal):
            asked = await database.row("ask_removal", room_id=call.room, at=now_ms())
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
        Endpoint(
            "GET", f"{GAME}/restore", restore, "A checkpoint, shown, and which there are", Restored, query=Version,
            refusals=host_only, scope="manage",
        ),
        Endpoint(
            "POST", f"{GAME}/restore", go_back, "Take the room back to how it was, between hands", WentBack,
            body=GoBack,
            refusals=(*host_only, "forbidden", "hand_in_progress", "illegal_move", "id_reused", "room_closed"),
            scope="manage",
        ),
    ]  # fmt: skip


class _Numbers(msgspec.Struct):
    games: int = 0
    hand: int = 0


class _Numbered(msgspec.Struct):
    table: _Numbers


_numbers = msgspec.json.Decoder(_Numbered).decode
_playable = msgspec.json.Decoder(Playable).decode


def _version(row: Row) -> KeptVersion:
    """One that cannot be read is listed without its numbers."""
    try:
        table = _numbers(row["state"]).table
    except msgspec.MsgspecError:
        table = _Numbers()
    return KeptVersion(row["seq"], iso(row["at"]), table.games, table.hand)


def _removal(row: Row) -> RoomRemoval:
    finished, gone = row["finished_at"], row["rows_gone"]
    status: Literal["queued", "running", "done"] = "done" if finished is not None else "running" if gone else "queued"
    total = max(row["rows_before"], gone)
    at = iso(finished) if finished is not None else None
    return RoomRemoval(True, row["version"], status, total, gone, iso(row["asked_at"]), at)
