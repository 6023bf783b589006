"""Players who have no socket any more, and who have one again: away, disconnected, out of the seat, back. Pure.

Who goes is away at once: his turns are short and his timebank is spared. After the first grace he counts as
disconnected and sits out, after the second his seat is freed, between hands. Whoever comes back in time finds
everything as it was.
"""

from __future__ import annotations

from msgspec.structs import replace

from actors import clock
from actors.commands import Attended, Deserted, UserId
from actors.membership import inherited
from actors.play import absorb, game_of
from actors.state import Away, Decision, Event, Nothing, Room, Seat
from games.base import Entropy, Refused, SeatIndex


def deserted(room: Room, command: Deserted, now: int) -> Decision | Nothing:
    """The last socket of a player has gone."""
    user = UserId(command.user_id)
    index = room.seat_of(user)
    if index is None or room.table.seats[index].away is not None:
        return Nothing()
    away = Away(now, now + command.disconnected_ms, now + command.freed_ms)
    return Decision(_with_away(room, index, away, now), (_about("player_away", index, user),))


def attended(room: Room, command: Attended, now: int, entropy: Entropy) -> Decision | Nothing:
    """A player has a socket again."""
    user = UserId(command.user_id)
    index = room.seat_of(user)
    if index is None or (away := room.table.seats[index].away) is None:
        return Nothing()
    back = _with_away(room, index, None, now)
    events: tuple[Event, ...] = (_about("player_reconnected", index, user),)
    if away.sat_out:
        outcome = game_of(room).sit_in(back.table.game, back.info.options, index)
        if not isinstance(outcome, Refused):
            events += (_about("player_sat_in", index, user),)
            return absorb(back, outcome, now, entropy, events)
    return Decision(back, events)


def overdue(room: Room, now: int, entropy: Entropy) -> Decision | Nothing:
    """What is due for the first player whose grace is over."""
    for index, seat in room.table.seats.items():
        if seat.away is None or (due := clock.due_for(seat.away)) is None or now < due:
            continue
        if seat.away.step == "away":
            return _disconnect(room, index, seat, seat.away, now, entropy)
        return _free(room, index, seat, seat.away, now, entropy)
    return Nothing()


def _disconnect(room: Room, index: SeatIndex, seat: Seat, away: Away, now: int, entropy: Entropy) -> Decision:
    game, info = game_of(room), room.info
    events: tuple[Event, ...] = (_about("player_disconnected", index, seat.user),)
    outcome = game.sit_out(room.table.game, info.options, index)
    if isinstance(outcome, Refused):
        return Decision(_with_away(room, index, replace(away, step="disconnected"), now), events)
    gone = _with_away(room, index, replace(away, step="disconnected", sat_out=True), now)
    return absorb(gone, outcome, now, entropy, (*events, _about("player_sat_out", index, seat.user)))


def _free(room: Room, index: SeatIndex, seat: Seat, away: Away, now: int, entropy: Entropy) -> Decision:
    """The seat is given up for him; the host's part passes on, if there is somebody to take it."""
    leaving = _with_away(room, index, replace(away, step="leaving"), now)
    events: tuple[Event, ...] = ()
    if seat.user == room.info.host and (heir := inherited(room, without=seat.user).host):
        leaving = replace(leaving, info=replace(leaving.info, host=heir))
        events = (Event("host_changed", {"user_id": heir}),)
    outcome = game_of(room).stand(leaving.table.game, leaving.info.options, index)
    if isinstance(outcome, Refused):
        # He is on his way out already, by a command of his own.
        return Decision(leaving, events)
    return absorb(leaving, outcome, now, entropy, events)


def _with_away(room: Room, index: SeatIndex, away: Away | None, now: int) -> Room:
    seats = {**room.table.seats, index: replace(room.table.seats[index], away=away)}
    return replace(room, table=replace(room.table, at=now, seats=seats))


def _about(kind: str, index: SeatIndex, user: UserId) -> Event:
    return Event(kind, {"seat_index": index, "user_id": user})
