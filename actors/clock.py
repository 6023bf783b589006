"""Turn clock and timebank, as arithmetic on milliseconds. Nothing here reads a clock."""

from __future__ import annotations

from actors.state import Room, Turn
from games.base import Clock

MERCY_MS = 10_000
"""What anybody whose turn it is has at the least, after we were away."""


def fires_at(turn: Turn) -> int:
    """When the turn is over whatever the player does: deadline, then timebank."""
    return turn.deadline_ms + turn.timebank_ms


def left_of_timebank(turn: Turn, now: int) -> int:
    """The timebank of a player who decides at `now`."""
    return max(0, turn.timebank_ms - max(0, now - turn.deadline_ms))


def refilled(timebank_ms: int, clock: Clock) -> int:
    return min(clock.timebank_ms, timebank_ms + clock.refill_ms)


def recovered(turn: Turn, committed_at: int, now: int) -> Turn:
    """The same turn after a crash: as much time as at the last commit, or `MERCY_MS`, whichever is more."""
    mine = max(turn.deadline_ms - committed_at, MERCY_MS)
    return Turn(turn.number, turn.seat, max(turn.deadline_ms, now + mine), turn.timebank_ms)


def alarm(room: Room) -> int | None:
    """When the room must be woken even if nobody calls, in ms."""
    turn, advance_at = room.table.turn, room.table.advance_at
    if turn is None:
        return advance_at
    return fires_at(turn) if advance_at is None else min(fires_at(turn), advance_at)
