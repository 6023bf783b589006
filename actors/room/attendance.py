"""Players who have no socket any more, and who have one again: away, disconnected, out of the seat, back. Pure.

A user who goes is away at once: their turns are short and their timebank is spared. After the first grace they count as
disconnected and sit out, after the second their seat is freed, between hands. Where players have time of their own it
runs as ever, and while a turn runs no seat is freed: the end of their clock is the game's to judge. A player who comes
back in time finds everything as it was. A host, seated or not, who is away for the whole grace passes their part on to
somebody who is here.
"""

from __future__ import annotations

from msgspec.structs import replace

from tavola.actors.room import clock
from tavola.actors.room.play import absorb, game_of
from tavola.actors.room.state import Away, Decision, Nothing, Room, RoomEvent, Seat
from tavola.actors.wire.commands import BOT, Connected, Disconnected, UserId
from tavola.actors.wire.events import (
    HOST_CHANGED,
    PLAYER_AWAY,
    PLAYER_DISCONNECTED,
    PLAYER_RECONNECTED,
    PLAYER_SAT_IN,
    PLAYER_SAT_OUT,
)
from tavola.games.base import Entropy, Refusal, SeatIndex
from tavola.games.events import EventKind


def noted(room: Room, user: UserId) -> bool:
    """Whether the room counts `user` as gone: `Connected` would change that."""
    index = room.seat_of(user)
    if index is not None and room.table.seats[index].away is not None:
        return True
    return user == room.info.host and room.table.host_gone_at is not None


def unnoted(room: Room, user: UserId) -> bool:
    """Whether the room counts `user` as here and it matters: `Disconnected` would change that."""
    index = room.seat_of(user)
    if index is not None and room.table.seats[index].away is None:
        return True
    return user == room.info.host and room.table.host_gone_at is None and _present_heir(room) is not None


def deserted(room: Room, command: Disconnected, now: int) -> Decision | Nothing:
    """The last socket of a player, or of the host, has gone."""
    user = UserId(command.user_id)
    if not unnoted(room, user):
        return Nothing()
    events: tuple[RoomEvent, ...] = ()
    index = room.seat_of(user)
    if index is not None and room.table.seats[index].away is None:
        away = Away(now, now + command.disconnected_ms, now + command.freed_ms, turn_ms=command.turn_ms)
        room = _with_away(room, index, away, now)
        events = (_about(PLAYER_AWAY, index, user),)
    table = replace(room.table, at=now)
    if user == room.info.host and table.host_gone_at is None and _present_heir(room) is not None:
        table = replace(table, host_gone_at=now + command.freed_ms)
    return Decision(replace(room, table=table), events)


def attended(room: Room, command: Connected, now: int, entropy: Entropy) -> Decision | Nothing:
    """A player, or the host, has a socket again."""
    user = UserId(command.user_id)
    if not noted(room, user):
        return Nothing()
    if user == room.info.host:
        room = room.hosted_by(user)
    index = room.seat_of(user)
    if index is None or (away := room.table.seats[index].away) is None:
        return Decision(replace(room, table=replace(room.table, at=now)), ())
    back = _with_away(room, index, None, now)
    if (member := room.members[user]).idle:
        back = replace(back, members={**back.members, user: replace(member, idle=False)})
    events: tuple[RoomEvent, ...] = (_about(PLAYER_RECONNECTED, index, user),)
    if away.sat_out:
        outcome = game_of(room).sit_in(back.table.game, back.info.options, index)
        if not isinstance(outcome, Refusal):
            events += (_about(PLAYER_SAT_IN, index, user),)
            return absorb(back, outcome, now, entropy, events)
    return Decision(back, events)


def pass_on(room: Room, now: int) -> Decision:
    """The host has been away for the whole grace: the longest-seated player who is here carries on. Where nobody is, he
    stays host."""
    heir = _present_heir(room)
    passed = room.hosted_by(heir or room.info.host)
    passed = replace(passed, table=replace(passed.table, at=now))
    return Decision(passed, (RoomEvent(HOST_CHANGED, {"user_id": heir}),) if heir else ())


def _present_heir(room: Room) -> UserId | None:
    here = [
        seat
        for seat in room.table.seats.values()
        if seat.away is None
        and seat.user != room.info.host
        and room.admitted(seat.user)
        and not seat.user.startswith(BOT)
    ]
    return min(here, key=lambda seat: seat.at).user if here else None


def overdue(room: Room, now: int, entropy: Entropy) -> Decision | Nothing:
    """The decision that is due for the first player whose grace is over."""
    found = _first_overdue(room, now)
    if found is None:
        return Nothing()
    index, seat, away = found
    if away.step == "away":
        return _disconnect(room, index, seat, away, now, entropy)
    return _free(room, index, away, now, entropy)


def given_up(room: Room, now: int) -> Decision | Nothing:
    """The same without asking the game, which failed when it was asked: a player is disconnected without sitting out,
    and keeps the seat until the game frees it."""
    found = _first_overdue(room, now)
    if found is None:
        return Nothing()
    index, seat, away = found
    if away.step == "away":
        gone = _with_away(room, index, replace(away, step="disconnected"), now)
        return Decision(gone, (_about(PLAYER_DISCONNECTED, index, seat.user),))
    return Decision(_with_away(room, index, replace(away, step="leaving"), now), ())


def _first_overdue(room: Room, now: int) -> tuple[SeatIndex, Seat, Away] | None:
    kept = clock.keeps_seats(room.table)
    for index, seat in room.table.seats.items():
        if seat.away is not None and (due := clock.due_for(seat.away, kept)) is not None and now >= due:
            return index, seat, seat.away
    return None


def _disconnect(room: Room, index: SeatIndex, seat: Seat, away: Away, now: int, entropy: Entropy) -> Decision:
    game, info = game_of(room), room.info
    events: tuple[RoomEvent, ...] = (_about(PLAYER_DISCONNECTED, index, seat.user),)
    outcome = game.sit_out(room.table.game, info.options, index)
    if isinstance(outcome, Refusal):
        return Decision(_with_away(room, index, replace(away, step="disconnected"), now), events)
    gone = _with_away(room, index, replace(away, step="disconnected", sat_out=True), now)
    return absorb(gone, outcome, now, entropy, (*events, _about(PLAYER_SAT_OUT, index, seat.user)))


def _free(room: Room, index: SeatIndex, away: Away, now: int, entropy: Entropy) -> Decision:
    """The seat is given up for them."""
    leaving = _with_away(room, index, replace(away, step="leaving"), now)
    outcome = game_of(room).stand(leaving.table.game, leaving.info.options, index)
    if isinstance(outcome, Refusal):
        # They are on their way out already, by a command of their own.
        return Decision(leaving, ())
    return absorb(leaving, outcome, now, entropy)


def _with_away(room: Room, index: SeatIndex, away: Away | None, now: int) -> Room:
    seats = {**room.table.seats, index: replace(room.table.seats[index], away=away)}
    return replace(room, table=replace(room.table, at=now, seats=seats))


def _about(kind: EventKind, index: SeatIndex, user: UserId) -> RoomEvent:
    return RoomEvent(kind, {"seat_index": index, "user_id": user})
