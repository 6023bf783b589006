"""From stored rows to a room, and from log rows to updates. Nothing is guessed: what does not fit is `Corrupted`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from tavola.actors.log.logged import text_of
from tavola.actors.log.unreadable import ChangedByHand, Corrupted, Newer
from tavola.actors.room.state import Deferred, Info, Member, Room, Standing, Table
from tavola.actors.versions import strict
from tavola.actors.versions.upcast import OtherVersion, Upcast, Versions
from tavola.actors.wire.commands import AnyCommand, RoomId, UserId
from tavola.actors.wire.settings import RoomSettings
from tavola.games.base import Game
from tavola.games.registry import GAMES
from tavola.storage.rows import Row


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


def decided_at(row: Row) -> Versions:
    """The versions of the room and of the game that decided a row of the log."""
    return Versions.of(row["versions"])
