"""Clocks, timebank and grace, as arithmetic on milliseconds. Nothing here reads a clock.

Of a clock that each player has of their own (`OwnTime`) the table keeps what was left when the turn began, a number a
seat (`Table.clocks`), and the turn its deadline, to which all of that runs. So at any moment the deadline says what is
left, and what a turn took is the difference; where a deadline was put off for our sake, it took nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from tavola.actors.room.state import Away, Room, Seat, Table, Turn
from tavola.games.base import (
    Bronstein,
    ByoYomi,
    Clock,
    Correspondence,
    Fischer,
    Hourglass,
    OwnTime,
    SeatIndex,
)
from tavola.games.registry import GAMES

Times = Clock | OwnTime
Left = Mapping[SeatIndex, int]
"""The time that is left to each seat, in ms."""

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


# A turn's own time


def effective(turn: Turn, seat: Seat | None, clock: Times) -> Turn:
    """The turn as it runs: for a player who is away it is short, and they have no timebank, for as long as they are.
    Time of their own runs as it did."""
    if seat is None or seat.away is None or not isinstance(clock, Clock):
        return turn
    began = turn.deadline_ms - clock.turn_ms
    deadline = min(fires_at(turn), max(began, seat.away.since) + seat.away.turn_ms)
    return replace(turn, deadline_ms=deadline, timebank_ms=0)


def begun(number: int, seat: SeatIndex, player: Seat, clock: Times, left: Left, now: int) -> Turn:
    """A turn that begins now: on the turn's time and the player's timebank, or on time of their own."""
    if isinstance(clock, Clock):
        return Turn(number, seat, now + clock.turn_ms, player.timebank_ms)
    return Turn(number, seat, now + allowed(clock, left, seat), 0)


def fires_at(turn: Turn) -> int:
    """When an `effective` turn is over whatever the player does: deadline, then timebank."""
    return turn.deadline_ms + turn.timebank_ms


def left_of_timebank(turn: Turn, now: int) -> int:
    """The timebank of a player whose time ran until `now`."""
    return max(0, turn.timebank_ms - max(0, now - turn.deadline_ms))


def ran_until(table: Table[Any], seat: Seat, now: int, timed_out: bool) -> int:
    """Until when the time of the player in `seat` ran: not while the room is paused, nor, if it ran out
    (`timed_out`), while they were away. Time of their own runs then, too: `timed_out` is not said of it."""
    halts = [now]
    if table.paused_at is not None:
        halts.append(table.paused_at)
    if seat.away is not None and timed_out:
        halts.append(seat.away.since)
    return min(halts)


def timebank(clock: Times) -> int:
    """The timebank that a player sits down with."""
    return clock.timebank_ms if isinstance(clock, Clock) else 0


def refilled(timebank_ms: int, clock: Times) -> int:
    if not isinstance(clock, Clock):
        return timebank_ms
    return min(clock.timebank_ms, timebank_ms + clock.refill_ms)


# A player's own time


def left_of(clock: Times, left: Left, seats: Iterable[SeatIndex]) -> Left:
    """The time that is left to each of `seats` when a turn begins: those of whom nothing is known have all of it. Where
    time is the turn's, nothing is kept of it."""
    return {} if isinstance(clock, Clock) else {seat: allowed(clock, left, seat) for seat in seats}


def allowed(clock: Times, left: Left, seat: SeatIndex) -> int:
    """The time that the player in `seat` has for a turn that begins."""
    return left.get(seat, clock.first_ms)


def pressed(clock: OwnTime, left: Left, turn: Turn, ran_to: int, others: Iterable[SeatIndex]) -> Left:
    """The time that is left to each after `turn`, whose time ran until `ran_to`; `others` play, too.

    A deadline that was put off by more than was used leaves as much as there was, and no more. A turn that ends late,
    since the alarm comes after the deadline, took what there was."""
    before = allowed(clock, left, turn.seat)
    rest = min(before, max(0, turn.deadline_ms - ran_to))
    match clock:
        case Fischer():
            return {**left, turn.seat: rest + clock.increment_ms}
        case Bronstein():
            return {**left, turn.seat: min(before, rest + clock.delay_ms)}
        case ByoYomi():
            return {**left, turn.seat: _whole_periods(clock, rest)}
        case Correspondence():
            return left
        case Hourglass():
            return _turned_over(clock, left, turn.seat, before, rest, sorted(others))
        case _ as never:
            assert_never(never)


def _whole_periods(clock: ByoYomi, rest: int) -> int:
    """Of the time in periods the one that runs is whole again: `rest` counts main time and periods as one."""
    if clock.period_ms <= 0 or rest > clock.periods * clock.period_ms:
        return rest
    return -(-rest // clock.period_ms) * clock.period_ms


def _turned_over(
    clock: Hourglass, left: Left, seat: SeatIndex, before: int, rest: int, others: Sequence[SeatIndex]
) -> Left:
    """The time that a turn took is the others' in equal parts; a rest that cannot be parted is the first ones'. Without
    others nobody gains, and nothing is taken."""
    if not others:
        return {**left, seat: before}
    share, odd = divmod(before - rest, len(others))
    gained = {other: allowed(clock, left, other) + share + (place < odd) for place, other in enumerate(others)}
    return {**left, **gained, seat: rest}


def gained(turns: Sequence[Turn], before: Left, after: Left) -> list[Turn]:
    """The turns that run on, each by so much longer as its player has more time now (`Hourglass`)."""
    more = [after.get(turn.seat, 0) - before.get(turn.seat, 0) for turn in turns]
    return [
        replace(turn, deadline_ms=turn.deadline_ms + ms) if ms > 0 else turn
        for turn, ms in zip(turns, more, strict=True)
    ]


def keeps_seats(table: Table[Any]) -> bool:
    """Whether nobody loses a seat for being away: a turn runs on a player's own time, and its end is their clock's."""
    return table.turn is not None and bool(table.clocks)


def rests(room: Room) -> bool:
    """Whether it has to be noted that the room is put away while it is well (`Table.resting`): a player's own time
    runs on, perhaps for days, while nobody looks, and what would be given back after a crash is not lost."""
    table = room.table
    return not table.resting and table.paused_at is None and keeps_seats(table)


# After we were away, and after a pause


def recovered(turn: Turn, committed_at: int, now: int, rested: bool = False) -> Turn:
    """The same turn after a crash: as much time as at the last commit, or `MERCY_MS`, whichever is more. In a room that
    was only put away (`rested`) time ran on; if it is woken late for the deadline we were away then, and that is given
    back."""
    if rested:
        late = now - turn.deadline_ms
        return turn if late <= MERCY_MS else replace(turn, deadline_ms=now + late)
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


def resumed(turn: Turn, paused_at: int, now: int, clock: Times, left: Left) -> Turn:
    """The same turn after play stood still: as much of it is left as there was. A deadline that was put off for our
    sake is not taken for a later beginning."""
    if isinstance(clock, Clock):
        began = turn.deadline_ms - clock.turn_ms
    else:
        began = turn.deadline_ms - max(allowed(clock, left, turn.seat), MERCY_MS)
    return replace(turn, deadline_ms=turn.deadline_ms + now - max(paused_at, began))


def put_off(away: Away, paused_at: int, now: int) -> Away:
    """The same absence after play stood still."""
    ms = now - max(paused_at, away.since)
    return replace(away, since=away.since + ms, disconnected_at=away.disconnected_at + ms, freed_at=away.freed_at + ms)


def due_for(away: Away, keeps_seats: bool) -> int | None:
    """When the next thing happens to a player who is away; with `keeps_seats` their seat is not freed now."""
    match away.step:
        case "away":
            return away.disconnected_at
        case "disconnected":
            return None if keeps_seats else away.freed_at
        case "leaving":
            return None


def running(room: Room) -> tuple[Turn, ...]:
    """The turns as they run now, the one that began first before others."""
    turns = room.table.running_turns
    for turn in turns:
        seat = room.table.seats.get(turn.seat)
        if seat is not None and seat.away is not None:
            break
    else:
        return turns
    times = GAMES[room.info.game].clock(room.info.options)
    return tuple(effective(turn, room.table.seats.get(turn.seat), times) for turn in turns)


def ran_out(room: Room, now: int) -> Turn | None:
    """The turn whose time is over, of several the one whose was first."""
    return min((turn for turn in running(room) if now >= fires_at(turn)), key=fires_at, default=None)


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
    for turn in running(room):
        if due is None or fires_at(turn) < due:
            due = fires_at(turn)
    away = [seat.away for seat in table.seats.values() if seat.away is not None]
    if away:
        kept = keeps_seats(table)
        for each in away:
            due = earlier(due, due_for(each, kept))
    return due
