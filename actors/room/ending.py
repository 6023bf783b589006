"""How a room ends by itself: nobody is there for long, or nobody who plays has moved by themselves for many turns.
Pure."""

from __future__ import annotations

from typing import cast

from msgspec.structs import replace

from tavola.actors.room import absence, clock
from tavola.actors.room.hosting import shut
from tavola.actors.room.play import absorb, called_off, game_of
from tavola.actors.room.state import Decision, Nothing, Room, RoomEvent
from tavola.actors.wire.commands import BOT, UserId, Vacant
from tavola.actors.wire.events import PLAYER_SAT_OUT
from tavola.games.base import Entropy, Outcome, Refusal, SeatIndex

EMPTY = "empty"
"""Why a room closed that nobody closed."""
IDLE = "idle"
"""Why a player sits out who did not ask for it."""


def vacant(room: Room) -> bool:
    """Whether nobody is there who has a part in the room; bots are nobody."""
    return not any(absence.is_here(room, user) for user in room.members)


def emptied(room: Room, command: Vacant, now: int) -> Decision | Nothing:
    """Nobody is there from now on: the room closes if that stays so."""
    if room.table.closes_at is not None or not vacant(room):
        return Nothing()
    own = room.info.empty_minutes * 60_000
    return Decision(replace(room, table=replace(room.table, at=now, closes_at=now + (own or command.closes_ms))), ())


def peopled(room: Room) -> Room:
    """The room, which does not close any more if somebody is there."""
    if room.table.closes_at is None or vacant(room):
        return room
    return replace(room, table=replace(room.table, closes_at=None))


def due(room: Room) -> int | None:
    """When the room closes, in ms: not in the middle of a hand, unless that stands still."""
    table = room.table
    if table.closes_at is None or (table.paused_at is None and not game_of(room).between_rounds(table.game)):
        return None
    return table.closes_at


def closes(room: Room, now: int) -> bool:
    """Whether the room is to be closed by now, before anything is begun in it."""
    at = due(room)
    return at is not None and now >= at


def alarm(room: Room) -> int | None:
    """When the room must be woken even if nobody calls, in ms. While it is closed never. A room never changes, so it is
    told what was found out when it is asked again."""
    known = room.__dict__
    if "alarm" not in known:
        known["alarm"] = _alarm(room)
    return cast("int | None", known["alarm"])


def _alarm(room: Room) -> int | None:
    if room.info.status == "closed":
        return None
    return clock.earlier(clock.alarm(room), clock.earlier(absence.due(room), due(room)))


def overdue(room: Room, now: int, entropy: Entropy) -> Decision | Nothing:
    """The room is closed if that is due; a hand that stands still is called off, where the game can do that."""
    if not closes(room, now):
        return Nothing()
    if game_of(room).between_rounds(room.table.game):
        return shut(room, now, {"reason": EMPTY})
    off = called_off(room, EMPTY, now, entropy)
    if isinstance(off, Refusal):
        return shut(room, now, {"reason": EMPTY})
    closed = shut(off.room, now, {"reason": EMPTY})
    return replace(off, room=closed.room, events=off.events + closed.events, result=off.result or closed.result)


def given_up(room: Room, now: int) -> Decision | Nothing:
    """The same without asking the game, which failed when it was asked."""
    closes_at = room.table.closes_at
    return Nothing() if closes_at is None or now < closes_at else shut(room, now, {"reason": EMPTY})


def missed(decision: Decision, index: SeatIndex, most: int, now: int, entropy: Entropy) -> Decision:
    """A turn was played for the player in a seat. If all people who play have missed `most` turns on end, nobody is
    playing, but for bots: they sit out, or stand up where the game knows no sitting out, and do not count as there
    until they do something."""
    room = decision.room
    seat = room.table.seats.get(index)
    if seat is not None:
        seats = {**room.table.seats, index: replace(seat, missed=seat.missed + 1)}
        room = replace(room, table=replace(room.table, seats=seats))
        decision = replace(decision, room=room)
    game = game_of(room)
    playing = [
        (index, seat)
        for index, seat in room.table.seats.items()
        if not seat.user.startswith(BOT) and not game.sits_out(room.table.game, index)
    ]
    if not playing or any(seat.missed < most for _, seat in playing):
        return decision
    for index, seat in playing:
        if index not in decision.room.table.seats:
            continue
        decision = _sat_out(decision, index, seat.user, now, entropy)
    room = decision.room
    members = dict(room.members)
    for _, seat in playing:
        if seat.user in members:
            members[seat.user] = replace(members[seat.user], idle=True)
    return replace(decision, room=replace(room, members=members))


def moved(room: Room, user: UserId) -> Room:
    """The room after a user has done something by themselves."""
    index, member = room.seat_of(user), room.members.get(user)
    if index is not None and (seat := room.table.seats[index]).missed:
        room = replace(room, table=replace(room.table, seats={**room.table.seats, index: replace(seat, missed=0)}))
    if member is not None and member.idle:
        room = replace(room, members={**room.members, user: replace(member, idle=False)})
    return room


def _sat_out(decision: Decision, index: SeatIndex, user: UserId, now: int, entropy: Entropy) -> Decision:
    room, game = decision.room, game_of(decision.room)
    outcome = game.sit_out(room.table.game, room.info.options, index)
    events: tuple[RoomEvent, ...] = ()
    if isinstance(outcome, Refusal):
        outcome = game.stand(room.table.game, room.info.options, index)
    else:
        events = (RoomEvent(PLAYER_SAT_OUT, {"seat_index": index, "user_id": user, "reason": IDLE}),)
    if not isinstance(outcome, Outcome):
        return decision
    more = absorb(room, outcome, now, entropy, decision.events + events)
    return replace(more, rounds=decision.rounds + more.rounds, result=decision.result or more.result)
