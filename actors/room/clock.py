"""Turn clock, timebank and grace, as arithmetic on milliseconds. Nothing here reads a clock."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from tavola.actors.room.state import Away, Room, Seat, Table, Turn
from tavola.games.base import Clock
from tavola.games.registry import GAMES

MERCY_MS = 10_000
"""The least time, after we were away, for a player whose turn it is or whose seat is kept for them."""


class Grace(msgspec.Struct, frozen=True):
    """How long a player without a socket counts as away, and how long their seat is kept, both from when they went; and
    what they have for a turn meanwhile, while their timebank is spared. After how long a member without a seat leaves,
    an empty room closes (0 is never), and after how many missed turns nobody is playing (0 is never)."""

    disconnected_ms: int
    freed_ms: int
    turn_ms: int = 2_000
    leaves_ms: int = 600_000
    empty_ms: int = 1_800_000
    idle_turns: int = 6


def effective(turn: Turn, seat: Seat | None, clock: Clock) -> Turn:
    """The turn as it runs: for a player who is away it is short, and they have no timebank, for as long as they are."""
    if seat is None or seat.away is None:
        return turn
    began = turn.deadline_ms - clock.turn_ms
    deadline = min(fires_at(turn), max(began, seat.away.since) + seat.away.turn_ms)
    return replace(turn, deadline_ms=deadline, timebank_ms=0)


def fires_at(turn: Turn) -> int:
    """When an `effective` turn is over whatever the player does: deadline, then timebank."""
    return turn.deadline_ms + turn.timebank_ms


def left_of_timebank(turn: Turn, now: int) -> int:
    """The timebank of a player whose time ran until `now`."""
    return max(0, turn.timebank_ms - max(0, now - turn.deadline_ms))


def ran_until(table: Table[Any], seat: Seat, now: int, timed_out: bool) -> int:
    """Until when the time of the player in `seat` ran: not while the room is paused, nor, if it ran out
    (`timed_out`), while they were away."""
    halts = [now]
    if table.paused_at is not None:
        halts.append(table.paused_at)
    if seat.away is not None and timed_out:
        halts.append(seat.away.since)
    return min(halts)


def refilled(timebank_ms: int, clock: Clock) -> int:
    return min(clock.timebank_ms, timebank_ms + clock.refill_ms)


def recovered(turn: Turn, committed_at: int, now: int) -> Turn:
    """The same turn after a crash: as much time as at the last commit, or `MERCY_MS`, whichever is more."""
    mine = max(turn.deadline_ms - committed_at, MERCY_MS)
    return replace(turn, deadline_ms=max(turn.deadline_ms, now + mine))


def kept_longer(away: Away, now: int) -> Away:
    """The same absence after a crash: nothing falls due before its player had `MERCY_MS` to come back."""
    least = now + MERCY_MS
    return replace(
        away,
        since=max(away.since, least - away.turn_ms),
        disconnected_at=max(away.disconnected_at, least),
        freed_at=max(away.freed_at, least),
    )


def resumed(turn: Turn, paused_at: int, now: int, clock: Clock) -> Turn:
    """The same turn after play stood still: as much of it is left as there was."""
    began = turn.deadline_ms - clock.turn_ms
    return replace(turn, deadline_ms=turn.deadline_ms + now - max(paused_at, began))


def put_off(away: Away, paused_at: int, now: int) -> Away:
    """The same absence after play stood still."""
    ms = now - max(paused_at, away.since)
    return replace(away, since=away.since + ms, disconnected_at=away.disconnected_at + ms, freed_at=away.freed_at + ms)


def due_for(away: Away) -> int | None:
    """When the next thing happens to a player who is away."""
    match away.step:
        case "away":
            return away.disconnected_at
        case "disconnected":
            return away.freed_at
        case "leaving":
            return None


def running(room: Room) -> Turn | None:
    """The turn as it runs now."""
    turn = room.table.turn
    if turn is None:
        return None
    seat = room.table.seats.get(turn.seat)
    if seat is None or seat.away is None:
        return turn
    return effective(turn, seat, GAMES[room.info.game].clock(room.info.options))


def earlier(one: int | None, other: int | None) -> int | None:
    """The first of two moments that there may be."""
    return one if other is None or (one is not None and one <= other) else other


def alarm(room: Room) -> int | None:
    """When play goes on even if nobody calls, in ms. While the room is closed never, while it is paused only for a host
    who is gone."""
    table = room.table
    if room.info.status == "closed":
        return None
    if table.paused_at is not None:
        return table.host_gone_at
    due = table.advance_at
    if table.host_gone_at is not None and (due is None or table.host_gone_at < due):
        due = table.host_gone_at
    turn = running(room)
    if turn is not None and (due is None or fires_at(turn) < due):
        due = fires_at(turn)
    for seat in table.seats.values():
        if seat.away is not None and (next_at := due_for(seat.away)) is not None and (due is None or next_at < due):
            due = next_at
    return due
