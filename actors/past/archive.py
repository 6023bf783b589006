"""A room as it is kept: a checkpoint made of its rows, a checkpoint shown to its host, the way from a checkpoint to any
later moment, and what play may go on from. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from tavola.actors.log.unreadable import Corrupted
from tavola.actors.past.replay import Difference, replay
from tavola.actors.room.codec import restore, room_of, told
from tavola.actors.room.play import game_of
from tavola.actors.room.rows import dump
from tavola.actors.room.state import Room
from tavola.actors.room.view import inside, watching, whole
from tavola.actors.wire.commands import RoomId, UserId
from tavola.actors.wire.errands import Playable
from tavola.games.base import Refusal
from tavola.storage.rows import Row

T = TypeVar("T")


def kept(row: Row) -> str:
    """The checkpoint of the room in a row of `load_room`. Raises `Corrupted` rather than keep what cannot be read."""
    return dump(room_of(row))


def opened(room: RoomId, seq: int, text: str) -> Room:
    """The room in a checkpoint. Raises `Corrupted`."""
    found = restore(text, room, seq)
    if found.info.id != room:
        raise Corrupted(room, seq, "a checkpoint of another room")
    return found


def shown(room: Room, seq: int) -> dict[str, Any]:
    """The view that everybody at the table had of the room as it was at `seq`, and no secret of it. Raises
    `Corrupted`."""
    return _possible(room.info.id, seq, lambda: inside(room))


def forward(room: Room, after: int, rows: Sequence[Row]) -> Room:
    """The room at `after`, as it was when these rows of `log_commands` had followed. Raises `Corrupted` if the log has
    a hole there, or if it says otherwise than its replay."""
    if [row["seq"] for row in rows] != list(range(after + 1, after + 1 + len(rows))):
        raise Corrupted(room.info.id, after, "a log with a hole")
    with told(room.info.id, after):
        outcome = _possible(room.info.id, after, lambda: replay(room, rows))
    if isinstance(outcome, Difference):
        raise Corrupted(room.info.id, outcome.seq, f"a log that its replay differs from: {outcome.what}")
    return outcome


def seen(room: Room, seq: int, user: UserId | None) -> dict[str, Any]:
    """The view that `user` was shown of the room as it was at `seq`; without a user, any spectator's. Raises
    `Corrupted`."""
    return _possible(room.info.id, seq, lambda: watching(room) if user is None else whole(room, user))


def playable(room: Room, seq: int) -> Playable | Refusal:
    """The room as it was at `seq`, for play to go on from it.

    Somebody may have seen since what it hid then: the cards that came, or what the others held. So a round that ran
    then is called off, all have what they had when it began, and the next one is dealt with fresh chance; but not in a
    game that hides nothing. Of its people only those who sat are kept. Raises `Corrupted`."""
    return _possible(room.info.id, seq, lambda: _playable(room))


def _playable(room: Room) -> Playable | Refusal:
    game, table = game_of(room), room.table
    seats, voided = dict(sorted(table.seats.items())), None
    if not game.between_rounds(table.game) and not game.open_information:
        seats = {index: seat for index, seat in seats.items() if room.admitted(seat.user)}
        outcome = game.void(table.game, room.info.options, tuple(seats))
        if isinstance(outcome, Refusal):
            return Refusal(outcome.code, f"A hand was being played then, and cannot be called off. {outcome.message}")
        seats = {index: seat for index, seat in seats.items() if index not in outcome.vacated}
        table = replace(table, game=outcome.state, running=table.running and outcome.result is None)
        voided = table.hand
    seats = {index: replace(seat, away=None) for index, seat in seats.items()}
    sat = {seat.user for seat in seats.values()}
    members = {user: room.members[user] for user in sorted(sat) if room.admitted(user)}
    table = replace(
        table,
        seats=seats,
        turn=None,
        beside=(),
        offer=None,
        advance_at=None,
        paused_at=None,
        host_gone_at=None,
        closes_at=None,
    )
    return Playable(dump(Room(room.info, members, table)), voided)


def _possible(room: RoomId, seq: int, work: Callable[[], T]) -> T:
    """A stored room may be well formed and yet be nothing that the rules can go on from."""
    try:
        return work()
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, AssertionError) as error:
        raise Corrupted(room, seq, f"a state that cannot be ({type(error).__name__})") from error
