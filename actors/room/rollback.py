"""A room goes back to how it was, or another goes on from there. Pure.

The table goes back: seats, chips, timebanks, the game's options. People do not, nor what they may:
members, bans and requests, the host, the room's name and who may come in are as they are now. Numbers of turns and
games only grow, so nothing that was meant for what is undone can land in what takes its place.

Of those who sat then, whoever is still admitted has their seat again, with what they had in it; it waits for nobody who
has left the room, was put out, or whose grace is over. Turns that they missed count no more. A user who sits now and
did not then watches, with their seat's tokens void. Nothing that was hidden then comes back: see
`actors.past.archive.playable`.

Acts that wait for the end of a hand are the room's, not the table's: they stay. If no hand runs afterwards they are
done at once, on the table of then (`actors.room.deferred.settled`).
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tavola.actors.room.codec import restore
from tavola.actors.room.play import absorb, game_of, unseated
from tavola.actors.room.state import Away, Decision, Grant, Member, Room, RoomEvent, Seat
from tavola.actors.wire.commands import OPERATOR, Fork, RollBack, Sender, UserId
from tavola.actors.wire.events import FORKED, PLAYER_SEATED, ROLLED_BACK, SEAT_FREED
from tavola.actors.wire.grants import grant
from tavola.actors.wire.refusals import HAND_IN_PROGRESS, NO_ROLLBACK, NOT_HOST
from tavola.games.base import Entropy, Outcome, Refusal, SeatIndex
from tavola.games.stakes import chips_in


def roll_back(room: Room, sender: Sender, command: RollBack, now: int, entropy: Entropy) -> Decision | Refusal:
    """The operator may at any time; the host, or another server, between hands where the game allows it."""
    was, game = room.table, game_of(room)
    if sender != OPERATOR:
        if sender.user != room.info.host and not sender.overrules:
            return NOT_HOST
        if not game.host_rolls_back:
            return NO_ROLLBACK
        if not game.between_rounds(was.game):
            return HAND_IN_PROGRESS
    kept = restore(command.kept)
    then = kept.table
    staying = {index: seat for index, seat in sorted(then.seats.items()) if _stays(room, seat.user)}
    outcome = _without(kept, staying)
    if isinstance(outcome, Refusal):
        return outcome
    staying = {index: seat for index, seat in staying.items() if index not in outcome.vacated}
    members, events = _unseat_others(room, staying, now)
    seats, grants = {}, list[Grant]()
    for index, seat in staying.items():
        sits_out = game.sits_out(outcome.state, index)
        member = members[seat.user] = _in_seat(room, seat.user, members[seat.user], sits_out=sits_out)
        if room.seat_of(seat.user) != index:
            seated = {"seat_index": index, "user_id": seat.user, "display_name": member.name}
            events.append(RoomEvent(PLAYER_SEATED, seated))
            grants.append(grant(seat.user, "player", index, entropy))
        seats[index] = replace(seat, away=_away_anew(room, seat.user, now), missed=0)
    running = then.running and outcome.result is None
    table = replace(
        was, at=now, game=outcome.state, seats=seats, turn=None, beside=(), offer=None, clocks=then.clocks,
        games=was.games + running, running=running, hand=then.hand, advance_at=None,
        paused_at=now if was.paused_at is not None else None,
    )  # fmt: skip
    told: dict[str, Any] = {"to": command.to, **({} if sender == OPERATOR else {"user_id": sender.user})}
    told |= {name: value for name in ("reason", "voided") if (value := getattr(command, name)) is not None}
    back = Room(replace(room.info, options=kept.info.options), members, table)
    decision = absorb(
        back, Outcome(outcome.state, new_turn=True), now, entropy, (RoomEvent(ROLLED_BACK, told), *events)
    )
    return replace(decision, grants=tuple(grants), called_off={"rolled_back": command.to})


def fork(room: Room, sender: Sender, command: Fork, now: int, entropy: Entropy) -> Decision | Refusal:
    """The room stands still from the start: nobody who has a seat in it has heard of it yet. They are members by it."""
    if sender != OPERATOR:
        return Refusal("forbidden", "Only the operator makes a room of another's past.")
    if room.table.seats or room.table.turns or room.table.games:
        return Refusal("illegal_move", "Something has happened in this room already.")
    kept = restore(command.kept)
    then = kept.table
    staying = {index: seat for index, seat in sorted(then.seats.items()) if seat.user in kept.members}
    outcome = _without(kept, staying)
    if isinstance(outcome, Refusal):
        return outcome
    seats = {i: Seat(seat.user, now, seat.timebank_ms) for i, seat in staying.items() if i not in outcome.vacated}
    names = {user: member.name for user, member in (kept.members | room.members).items()}
    members = room.members | {seat.user: Member(names[seat.user], "approved", now) for seat in seats.values()}
    running = then.running and outcome.result is None
    table = replace(
        room.table, at=now, game=outcome.state, seats=seats, clocks=then.clocks, games=int(running), running=running,
        hand=then.hand, paused_at=now,
    )  # fmt: skip
    told: dict[str, Any] = {"room_id": command.origin, "to": command.to}
    if command.voided is not None:
        told["voided"] = command.voided
    other = Room(replace(room.info, options=kept.info.options), members, table)
    return absorb(other, Outcome(outcome.state, new_turn=True), now, entropy, (RoomEvent(FORKED, told),))


def _stays(room: Room, user: UserId) -> bool:
    """Whether a seat of then waits for `user`."""
    if not room.admitted(user):
        return False
    index = room.seat_of(user)
    away = room.table.seats[index].away if index is not None else None
    return away is None or away.step != "leaving"


def _without(kept: Room, staying: dict[SeatIndex, Seat]) -> Outcome[Any] | Refusal:
    """The game of then without those who are gone. A round that ran then cannot go on without one of its players."""
    game, state, options = game_of(kept), kept.table.game, kept.info.options
    gone = [index for index in sorted(kept.table.seats) if index not in staying]
    if gone and not game.between_rounds(state):
        return game.void(state, options, tuple(staying))
    for index in gone:
        outcome = game.stand(state, options, index)
        if isinstance(outcome, Refusal):
            return outcome
        state = outcome.state
    return Outcome(state)


def _unseat_others(
    room: Room, staying: dict[SeatIndex, Seat], now: int
) -> tuple[dict[UserId, Member], list[RoomEvent]]:
    """The members when all who sit now, and not in that seat then, have got up; and what is told of that."""
    members, events = dict(room.members), list[RoomEvent]()
    sitting = {seat.user for seat in staying.values()}
    for index, seat in sorted(room.table.seats.items()):
        if index in staying and staying[index].user == seat.user:
            continue
        freed: dict[str, Any] = {"seat_index": index, "user_id": seat.user}
        if seat.user in sitting:
            events.append(RoomEvent(SEAT_FREED, freed))
            continue
        if chips := chips_in(game_of(room), room.table.game, index):
            freed["chips"] = chips
        events.append(RoomEvent(SEAT_FREED, freed))
        members, watches = unseated(members, seat, now, room.info.max_spectators)
        events += watches
    return members, events


def _in_seat(room: Room, user: UserId, member: Member, *, sits_out: bool) -> Member:
    """A member who has a seat: from it, not from `leaves_at`, it is known whether they are there, but for the host. If
    they are to play again they count as there, whatever they did not do in what is undone."""
    leaves_at = member.leaves_at if user == room.info.host else None
    return replace(member, watching=False, leaves_at=leaves_at, idle=member.idle and sits_out)


def _away_anew(room: Room, user: UserId, now: int) -> Away | None:
    """A player who is away has their whole grace again: they have missed that the table went back."""
    index = room.seat_of(user)
    away = room.table.seats[index].away if index is not None else None
    if away is None:
        return None
    late, over = away.disconnected_at - away.since, away.freed_at - away.since
    return Away(now, now + late, now + over, turn_ms=away.turn_ms)
