"""From stored rows to a room, and from log rows to updates. Nothing is guessed: what does not fit is `Corrupted`."""

from __future__ import annotations

from typing import Any

import msgspec

from tavola.actors.room.state import SCHEMA, Deferred, Info, Member, Room, RoomSettings, Standing, Table
from tavola.actors.wire.commands import AnyCommand, Epoch, RoomId, Seq, UserId
from tavola.actors.wire.update import Audience, MemberView, Update
from tavola.games.registry import GAMES
from tavola.storage.rows import Row


class Corrupted(Exception):
    """The stored form of a room cannot be read. Nothing was changed. `found` says what was wrong, without contents."""

    def __init__(self, room: str, seq: int, found: str) -> None:
        super().__init__(f"room {room} at {seq}: {found}")
        self.room, self.seq, self.found = room, seq, found


def room_of(row: Row) -> Room:
    """The room in a row of `load_room`."""
    game = GAMES.get(row["game"])
    if game is None:
        raise Corrupted(row["id"], row["seq"], f"there is no game {row['game']!r}")
    try:
        settings = msgspec.json.decode(row["settings"], type=RoomSettings[game.options_type])  # type: ignore[name-defined]
        table = msgspec.json.decode(row["state"], type=Table[game.state_type])  # type: ignore[name-defined]
        deferred = msgspec.json.decode(row["deferred"], type=tuple[Deferred, ...]) if row["deferred"] else ()
        members = {user: member.read() for user, member in _decode_members(row["members"]).items()}
    except msgspec.MsgspecError as error:
        raise Corrupted(row["id"], row["seq"], str(error)) from error
    if table.v != SCHEMA:
        raise Corrupted(row["id"], row["seq"], f"schema {table.v}, and this is {SCHEMA}")
    info = Info(
        id=RoomId(row["id"]),
        code=row["code"],
        game=row["game"],
        host=UserId(row["host_id"]),
        status=row["status"],
        deferred=deferred,
        **msgspec.structs.asdict(settings),
    )
    return Room(info, members, table)


class _MemberRow(msgspec.Struct, frozen=True):
    """A row of `room_players`, and whether `room_spectators` has one too."""

    display_name: str
    status: Standing
    changed_at: int
    watching: bool
    banned: bool
    leaves_at: int | None = None
    idle: bool = False

    def read(self) -> Member:
        been = (self.display_name, self.status, self.changed_at)
        return Member(*been, self.watching, self.banned, self.leaves_at, self.idle)


_decode_members = msgspec.json.Decoder(dict[UserId, _MemberRow]).decode


def restore(text: str) -> Room:
    """The room in a checkpoint's JSON."""
    raw = msgspec.json.decode(text, type=_Checkpoint)
    game = GAMES[raw.info["game"]]
    info = msgspec.convert({**raw.info, "options": None}, Info)
    info = msgspec.structs.replace(info, options=msgspec.convert(raw.info["options"], game.options_type))
    table = msgspec.json.decode(raw.table, type=Table[game.state_type])  # type: ignore[name-defined]
    return Room(info, raw.members, table)


class _Checkpoint(msgspec.Struct):
    info: dict[str, Any]
    members: dict[UserId, Member]
    table: msgspec.Raw


def update_of(room: RoomId, row: Row, prior: Epoch | None = None) -> Update:
    """The update in a row of the log; `prior` is the epoch in the row before it, if that matters."""
    return Update(
        room=room,
        seq=Seq(row["seq"]),
        epoch=Epoch(row["epoch"]),
        at=row["at"],
        events=row["events"].encode(),
        patch=row["patch"].encode(),
        outside=_part(_decode_texts(row["outside"])) if row["outside"] else MemberView(),
        users={user: _part(texts) for user, texts in _decode_users(row["private"]).items()} if row["private"] else {},
        prior=prior,
    )


def update_texts(update: Update) -> tuple[str, str, str, str]:
    """`events`, `patch`, `outside` and `private` of the log's row; `update_of` reads them."""
    outside = update.outside
    return (
        update.events.decode(),
        update.patch.decode(),
        _encode(_texts(outside)).decode() if outside.events or outside.patch else "",
        _encode({user: _texts(part) for user, part in update.users.items()}).decode() if update.users else "",
    )


class _Texts(msgspec.Struct, frozen=True, array_like=True):
    events: msgspec.Raw
    patch: msgspec.Raw
    audience: Audience | None = None
    was: Audience | None = None
    grant: str = ""
    out: bool = False


_NULL = msgspec.Raw(b"null")
_encode = msgspec.json.Encoder().encode
_decode_texts = msgspec.json.Decoder(_Texts).decode
_decode_users = msgspec.json.Decoder(dict[UserId, _Texts]).decode
command_of = msgspec.json.Decoder(AnyCommand).decode


def _texts(part: MemberView) -> tuple[Any, ...]:
    events, patch = (msgspec.Raw(text) if text else _NULL for text in (part.events, part.patch))
    usual = (events, patch, part.audience, part.was)
    return (*usual, part.grant, part.out) if part.grant or part.out else usual


def _part(texts: _Texts) -> MemberView:
    events, patch = (b"" if bytes(text) == b"null" else bytes(text) for text in (texts.events, texts.patch))
    return MemberView(events, patch, texts.audience, texts.was, texts.grant, texts.out)
