"""From stored rows to a room, and from log rows to updates. Nothing is guessed: what does not fit is `Corrupted`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from tavola.actors.room.state import Deferred, Info, Member, Room, Standing, Table
from tavola.actors.versions import strict
from tavola.actors.versions.upcast import OtherVersion, Upcast, Versions
from tavola.actors.wire.commands import AnyCommand, Epoch, RoomId, Seq, UserId
from tavola.actors.wire.settings import RoomSettings
from tavola.actors.wire.update import Audience, MemberView, Update
from tavola.games.base import Game, Refusal
from tavola.games.registry import GAMES
from tavola.storage.packing import NotUnpacked, unpack
from tavola.storage.rows import Row


class Corrupted(Exception):
    """The stored form of a room cannot be read. Nothing was changed. `found` says what was wrong, without contents."""

    code = "corrupted_state"

    def __init__(self, room: str, seq: int, found: str) -> None:
        super().__init__(f"room {room} at {seq}: {found}")
        self.room, self.seq, self.found = room, seq, found

    @property
    def wait_s(self) -> float:
        """For how long nobody need try again."""
        return 60.0 if self._again_ms is None else self._again_ms / 1000

    def refusal(self) -> Refusal:
        """The answer to whoever asks for the room."""
        details = {"room": self.room, "version": self.seq, "found": self.found}
        return Refusal(self.code, self._said, details, self._again_ms)

    _said = "This room's stored state cannot be read."
    _again_ms: int | None = None


class Newer(Corrupted):
    """It was written by a later release, or by one that calls its fields otherwise: it is left alone until this code
    catches up."""

    code = "room_unavailable"
    _said = "This room was last played with another release than this server's."
    _again_ms = 5000


class ChangedByHand(Corrupted):
    """It can be read, and is not what the room's owner wrote: it was changed by hand."""


def room_of(row: Row) -> Room:
    """The room in a row of `load_room`. Raises `Corrupted`."""
    with told(row["id"], row["seq"], ours=row["intact"]):
        game = game_named(row["game"])
        table = _table(row["state"], game)
        settings = settings_of(row["settings"], game)
        deferred = strict.decode(tuple[Deferred, ...], row["deferred"]) if row["deferred"] else ()
        members = {user: member.read() for user, member in _decode_members(row["members"]).items()}
    if not row["intact"]:
        raise ChangedByHand(row["id"], row["seq"], "a state that was changed by hand")
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


def restore(text: str, room: str = "", seq: int = 0) -> Room:
    """The room in a checkpoint's JSON: of `room`, at `seq`. Raises `Corrupted`."""
    with told(room, seq):
        raw = msgspec.json.decode(text, type=_Checkpoint)
        game = game_named(raw.info["game"])
        upcast = Upcast(Versions(raw.table["v"], raw.table.get("gv", 1)), game)
        settings = upcast.settings(raw.info)
        info = strict.convert(Info, {**settings, "options": None})
        options = strict.convert(game.options_type, settings["options"])
        members = {user: strict.convert(Member, upcast.member(member)) for user, member in raw.members.items()}
        table = strict.convert(Table[game.state_type], upcast.table(raw.table))  # type: ignore[name-defined]
    return Room(replace(info, options=options), members, table)


class _Checkpoint(msgspec.Struct, forbid_unknown_fields=True):
    info: dict[str, Any]
    members: dict[UserId, Any]
    table: dict[str, Any]


def game_named(kind: str) -> Game[Any, Any]:
    """The rules of a stored room. Raises `msgspec.ValidationError` where there are none."""
    game = GAMES.get(kind)
    if game is None:
        raise msgspec.ValidationError(f"there is no game {kind!r}")
    return game


def _table(text: str, game: Game[Any, Any]) -> Table[Any]:
    written = _written(text)
    upcast = Upcast(Versions(written.v, written.gv), game)
    kind = Table[game.state_type]  # type: ignore[name-defined]
    if not upcast.needed:
        return cast(Table[Any], strict.decode(kind, text))
    return cast(Table[Any], strict.convert(kind, upcast.table(msgspec.json.decode(text))))


def settings_of(text: str, game: Game[Any, Any]) -> RoomSettings[Any]:
    """The settings in the column `rooms.settings` of a room of `game`. Raises what `msgspec` does, or
    `OtherVersion`."""
    kind = RoomSettings[game.options_type]  # type: ignore[name-defined]
    written = _written(text).versions
    upcast = Upcast(Versions(*written), game)
    if written == (1, 1) and not upcast.needed:
        return cast(RoomSettings[Any], strict.decode(kind, text))
    return cast(RoomSettings[Any], strict.convert(kind, upcast.settings(msgspec.json.decode(text))))


class _Written(msgspec.Struct):
    """At which versions a state is written (`v`, `gv`), or settings are."""

    v: int = 0
    gv: int = 1
    versions: tuple[int, int] = (1, 1)


_written = msgspec.json.Decoder(_Written).decode


@contextmanager
def told(room: str, seq: int, *, ours: bool = True) -> Iterator[None]:
    """An error that keeps a stored thing from being read is told as `Corrupted`; as `Newer`, if code that knows more
    would read it. `ours`: it is as some code of ours wrote it, as far as that is known."""
    try:
        yield
    except OtherVersion as error:
        raise (Newer if error.newer else Corrupted)(room, seq, str(error)) from error
    except strict.UnknownMember as error:
        raise (Newer if ours else Corrupted)(room, seq, str(error)) from error
    except msgspec.MsgspecError as error:
        raise Corrupted(room, seq, str(error)) from error
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise Corrupted(room, seq, f"{type(error).__name__} on reading it") from error


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


def command_of(text: msgspec.Raw, decided: Versions, game: Game[Any, Any]) -> AnyCommand:
    """The command in a row of the log of a room of `game`, which these versions decided. Raises `OtherVersion`, or what
    msgspec does."""
    upcast = Upcast(decided, game)
    if not upcast.needed:
        return cast(AnyCommand, strict.decode(AnyCommand, bytes(text).decode(), text_of))
    return cast(AnyCommand, strict.convert(AnyCommand, upcast.command(msgspec.json.decode(text))))


text_of = msgspec.json.Encoder(order="deterministic").encode
"""A command as it is logged: the same bytes for the same command, in whatever order its fields came."""


def decided_at(row: Row) -> Versions:
    """The versions of the room and of the game that decided a row of the log."""
    return Versions.of(row["versions"])


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
