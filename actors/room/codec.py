"""From stored rows to a room, and from log rows to updates. Nothing is guessed: what does not fit is `Corrupted`."""

from __future__ import annotations

from typing import Any

import msgspec

from tavola.actors.room.state import SCHEMA, Info, Member, Room, RoomSettings, Standing, Table
from tavola.actors.wire.commands import AnyCommand, Epoch, RoomId, Seq, UserId
from tavola.actors.wire.update import Audience, MemberView, Update
from tavola.games.registry import GAMES
from tavola.storage.packing import NotUnpacked, unpack
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

    def read(self) -> Member:
        return Member(self.display_name, self.status, self.changed_at, self.watching, self.banned)


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


class LogText(msgspec.Struct, frozen=True, array_like=True):
    """The text of a row of the log. `events` and `patch` are as players and spectators were told, `outside` as all
    others were, `private` by user; null where there was nothing. New fields come last."""

    user_name: str
    game: int
    hand: int
    command: msgspec.Raw
    answer: msgspec.Raw
    events: msgspec.Raw
    patch: msgspec.Raw
    outside: msgspec.Raw
    private: msgspec.Raw


def logged_of(room: RoomId, row: Row) -> LogText:
    """The text of a row of the log. Raises `Corrupted`."""
    try:
        return _decode_logged(unpack(row["body"], room, row["user_id"], row["command_id"], row["at"]))
    except (NotUnpacked, msgspec.MsgspecError) as error:
        raise Corrupted(room, row["seq"], f"a row of the log ({type(error).__name__})") from error


def logged_text(user_name: str, game: int, hand: int, command: bytes, answer: bytes, update: Update) -> bytes:
    """The text of the log's row for `update`; `command` and `answer` are JSON. `logged_of` reads it, once it is packed
    and unpacked."""
    return b"[%b,%d,%d,%b,%b,%b]" % (_encode(user_name), game, hand, command, answer, b",".join(update_texts(update)))


def update_of(room: RoomId, row: Row, prior: Epoch | None = None) -> Update:
    """The update in a row of the log; `prior` is the epoch in the row before it, if that matters."""
    return update_in(logged_of(room, row), room, row, prior)


def update_in(logged: LogText, room: RoomId, row: Row, prior: Epoch | None = None) -> Update:
    """As `update_of`, when the row's text has been read."""
    return Update(
        room=room,
        seq=Seq(row["seq"]),
        epoch=Epoch(row["epoch"]),
        at=row["at"],
        events=bytes(logged.events),
        patch=_filled(logged.patch),
        outside=_part(_decode_texts(logged.outside)) if _filled(logged.outside) else MemberView(),
        users={user: _part(texts) for user, texts in _decode_users(logged.private).items()}
        if _filled(logged.private)
        else {},
        prior=prior,
    )


def update_texts(update: Update) -> tuple[bytes, bytes, bytes, bytes]:
    """`events`, `patch`, `outside` and `private` of the log's text, as JSON."""
    outside, users = update.outside, update.users
    return (
        update.events,
        update.patch or NULL,
        _texts(outside) if outside.events or outside.patch else NULL,
        b"{%b}" % b",".join([b"%b:%b" % (_encode(user), _texts(part)) for user, part in users.items()])
        if users
        else NULL,
    )


class _Texts(msgspec.Struct, frozen=True, array_like=True):
    events: msgspec.Raw
    patch: msgspec.Raw
    audience: Audience | None = None
    was: Audience | None = None
    grant: str = ""
    out: bool = False


NULL = b"null"
_encode = msgspec.json.Encoder().encode
_decode_texts = msgspec.json.Decoder(_Texts).decode
_decode_users = msgspec.json.Decoder(dict[UserId, _Texts]).decode
_decode_logged = msgspec.json.Decoder(LogText).decode
command_of = msgspec.json.Decoder(AnyCommand).decode


def _texts(part: MemberView) -> bytes:
    if part.audience is None and part.was is None and not part.grant and not part.out:
        return b"[%b,%b]" % (part.events or NULL, part.patch or NULL)
    moved = _encode((part.audience, part.was, part.grant, part.out))
    return b"[%b,%b,%b" % (part.events or NULL, part.patch or NULL, moved[1:])


def _part(texts: _Texts) -> MemberView:
    return MemberView(_filled(texts.events), _filled(texts.patch), texts.audience, texts.was, texts.grant, texts.out)


def _filled(text: msgspec.Raw) -> bytes:
    read = bytes(text)
    return b"" if read == NULL else read
