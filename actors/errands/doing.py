"""An errand, done where the games are loaded. Pure, but for the mistakes that it tells of."""

from __future__ import annotations

from typing import assert_never

import msgspec

from tavola.actors.log.unreadable import Corrupted
from tavola.actors.outside.opening import open_rows
from tavola.actors.outside.outside_view import from_outside
from tavola.actors.past import archive
from tavola.actors.room.rows import dump
from tavola.actors.room.state import Room
from tavola.actors.room.view import audience
from tavola.actors.wire.commands import RoomId
from tavola.actors.wire.errands import (
    Draw,
    Errand,
    ErrandAnswer,
    Glimpse,
    HasPart,
    MakeCheckpoint,
    Opening,
    Participant,
    Recall,
    Recalled,
    Retrace,
    SeenThen,
)
from tavola.actors.wire.messages import Refusal, ViewAt
from tavola.actors.wire.mistakes import Mistakes
from tavola.actors.wire.refusals import GAME_ERROR, NO_WISH
from tavola.actors.wire.settings import RoomWish

_json = msgspec.json.Encoder().encode
_wish = msgspec.json.Decoder(RoomWish).decode


def done(errand: Errand, mistakes: Mistakes) -> ErrandAnswer | ViewAt | Refusal:
    """The answer to an errand. A game's mistake in it is told, and refused."""
    if isinstance(errand, Draw):
        return _drawn(errand, mistakes)
    try:
        return _done(errand)
    except Corrupted as error:
        return error.refusal()
    except Exception as error:  # A game's mistake must not take rooms with it.
        game, room = _about(errand)
        mistakes.tell(error, "show", game, room=room)
        return GAME_ERROR


def _drawn(draw: Draw, mistakes: Mistakes) -> Opening | Refusal:
    try:
        wish = _wish(draw.wish)
    except (msgspec.MsgspecError, RecursionError):  # A client's options are in it.
        return NO_WISH
    try:
        return open_rows(wish, draw.room, draw.code, draw.name, draw.host, draw.host_name, draw.now, draw.empty_ms)
    except Exception as error:  # As above.
        mistakes.tell(error, "open", wish.game)
        return GAME_ERROR


async def here(errand: Errand) -> ErrandAnswer | ViewAt | Refusal:
    """The same in a process that has the games itself and asks no actor."""
    return done(errand, _mistakes)


_mistakes = Mistakes()


def _about(errand: Glimpse | MakeCheckpoint | Retrace | Recall) -> tuple[str, RoomId]:
    """The game and the room."""
    if isinstance(errand, Glimpse | MakeCheckpoint):
        return errand.row["game"], RoomId(errand.row["id"])
    return _game_of(errand.checkpoint).info.game, errand.room


class _OfGame(msgspec.Struct):
    game: str = ""


class _NamesItsGame(msgspec.Struct):
    info: _OfGame


_game_of = msgspec.json.Decoder(_NamesItsGame).decode


def _done(errand: Glimpse | MakeCheckpoint | Retrace | Recall) -> ErrandAnswer | ViewAt | Refusal:
    match errand:
        case Glimpse(look, row, last):
            view = from_outside(row, last, look)
            return HasPart() if view is None else view
        case MakeCheckpoint(row):
            return Recalled(archive.kept(row))
        case Retrace(room, seq, checkpoint, rows):
            return Recalled(dump(archive.forward(archive.opened(room, seq, checkpoint), seq, rows)))
        case Recall():
            found = _recalled(errand)
            return found if isinstance(found, Refusal) else Recalled(_json(found).decode())
        case _ as never:
            assert_never(never)


def _people(room: Room) -> list[Participant]:
    return [
        Participant(user, member.name, member.standing, room.role_of(user), user == room.info.host, room.seat_of(user))
        for user, member in sorted(room.members.items(), key=lambda item: (item[1].at, item[0]))
    ]


def _recalled(errand: Recall) -> object:
    room, seq = errand.room, errand.seq
    found = archive.opened(room, seq, errand.checkpoint)
    match errand.what:
        case "shown":
            return archive.shown(found, seq)
        case "seen":
            return SeenThen(found.table.at, msgspec.Raw(_json(archive.seen(found, seq, errand.user))), _people(found))
        case "audience":
            assert errand.user is not None
            return audience(found, errand.user)
        case "playable":
            return archive.playable(found, seq)
        case _ as never:
            assert_never(never)
