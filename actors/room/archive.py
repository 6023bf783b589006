"""A room as it is kept: a checkpoint made of its rows, a checkpoint shown to its host, and the way from a checkpoint
to any later moment. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tavola.actors.room.codec import Corrupted, restore, room_of, told
from tavola.actors.room.replay import Difference, replay
from tavola.actors.room.rows import dump
from tavola.actors.room.state import Room
from tavola.actors.room.view import inside, watching, whole
from tavola.actors.wire.commands import RoomId, UserId
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


def shown(room: RoomId, seq: int, text: str) -> dict[str, Any]:
    """The view that everybody at the table had of the room in a checkpoint, and no secret of it. Raises `Corrupted`."""
    found = opened(room, seq, text)
    return _possible(room, seq, lambda: inside(found))


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


def _possible(room: RoomId, seq: int, work: Callable[[], T]) -> T:
    """A stored room may be well formed and yet be nothing that the rules can go on from."""
    try:
        return work()
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, AssertionError) as error:
        raise Corrupted(room, seq, f"a state that cannot be ({type(error).__name__})") from error
