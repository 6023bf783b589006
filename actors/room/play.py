"""The game inside the room: what a move, a deal or a player's coming and going does to seats, turn and clock. Pure."""

from __future__ import annotations

import hashlib
from typing import Any, Literal, cast

from msgspec.structs import replace

from tavola.actors.room import clock
from tavola.actors.room.absence import recovered
from tavola.actors.room.state import Decision, Member, Nothing, PendingOffer, Room, RoomEvent, Seat, Status, Table, Turn
from tavola.actors.wire.commands import Act, Sender, UserId
from tavola.actors.wire.events import OFFER_ENDED, ROUND_VOIDED, SEAT_FREED, SPECTATOR_JOINED, TURN_STARTED
from tavola.actors.wire.given import NOTHING_GIVEN
from tavola.actors.wire.refusals import NOT_SEATED, PAUSED
from tavola.games.base import NO_CHANCE, Clock, Entropy, Game, Move, Outcome, Refusal, Round, SeatIndex
from tavola.games.base import Event as GameEvent
from tavola.games.events import EventKind
from tavola.games.registry import GAMES
from tavola.games.stakes import carried

AnyGame = Game[Any, Any]

GAME_ERROR = "game_error"
"""Why a round was called off, or a room halted, that nobody asked for."""


def game_of(room: Room) -> AnyGame:
    return GAMES[room.info.game]


def act(room: Room, sender: Sender, command: Act, now: int, entropy: Entropy) -> Decision | Refusal:
    seat = room.seat_of(sender.user)
    if seat is None:
        return NOT_SEATED
    if room.table.paused_at is not None:
        return PAUSED
    if command.turn is not None and (stale := _stale(room.table, seat, command.turn)) is not None:
        return stale
    game, info = game_of(room), room.info
    chance = entropy if game.chance_in_moves else NO_CHANCE
    outcome = game.play(room.table.game, info.options, seat, Move(command.move, command.arguments), chance)
    if not isinstance(outcome, Outcome):
        return outcome
    return absorb(room, outcome, now, entropy, drawn=game.chance_in_moves, mover=seat)


def _stale(table: Table[Any], seat: SeatIndex, number: int) -> Refusal | None:
    """The refusal of a move that answers a turn which is over. A seat's own turn counts, so that no move is late
    because another seat, which acts at the same time, was faster. Without one of its own any that runs is as good: the
    game says whether it may act."""
    own = table.turn_of(seat)
    for turn in table.running_turns if own is None else (own,):
        if turn.number == number:
            return None
    now = own or table.turn
    return Refusal("stale_turn", "That turn is over.", {"turn": now.number if now else None})


def start(room: Room, now: int, entropy: Entropy) -> Decision | Refusal:
    if room.table.paused_at is not None:
        return PAUSED
    if room.table.running:
        return Refusal("illegal_move", "The game has already begun.")
    outcome = game_of(room).advance(room.table.game, room.info.options, entropy)
    return outcome if isinstance(outcome, Refusal) else absorb(_begun(room), outcome, now, entropy)


def wake(room: Room, now: int, entropy: Entropy) -> Decision | Refusal | Nothing:
    """The part of the game that is due: a turn that ran out is played by the game's rule, a wait that is over is
    ended."""
    game, info, table = game_of(room), room.info, room.table
    turn = clock.ran_out(room, now)
    if turn is not None:
        move = game.timeout_move(table.game, info.options, turn.seat)
        outcome = _gone_on(table, game.play(table.game, info.options, turn.seat, move, entropy))
        if isinstance(outcome, Refusal):
            return outcome
        marked = tuple(_automatic(event, turn.seat) for event in outcome.events)
        return absorb(room, replace(outcome, events=marked), now, entropy, timed_out=(turn.seat,), mover=turn.seat)
    if table.advance_at is not None and now >= table.advance_at:
        outcome = _gone_on(table, game.advance(table.game, info.options, entropy))
        return outcome if isinstance(outcome, Refusal) else absorb(_begun(room), outcome, now, entropy)
    return Nothing()


def _gone_on(table: Table[Any], outcome: Outcome[Any] | Refusal) -> Outcome[Any] | Refusal:
    """An outcome that leaves the game as it was would be due again at once, and for ever."""
    if isinstance(outcome, Outcome) and outcome.state == table.game:
        return Refusal("illegal_move", "The game does not go on.")
    return outcome


def void(room: Room, now: int, entropy: Entropy) -> Decision | Refusal | Nothing:
    """A turn that ran out cannot be played for whoever had it: the round is called off, and everybody has what they
    had when it began."""
    if clock.ran_out(room, now) is None:
        return Nothing()
    return called_off(room, GAME_ERROR, now, entropy)


def called_off(room: Room, reason: str, now: int, entropy: Entropy) -> Decision | Refusal:
    """The round that runs is off, and everybody has what they had when it began. A user without a part in their seat
    any more is out of it."""
    game, info, table = game_of(room), room.info, room.table
    staying = tuple(sorted(room.seated.values()))
    outcome = game.void(table.game, info.options, staying)
    if isinstance(outcome, Refusal):
        return outcome
    gone = (index for index in table.seats if index not in staying and index not in outcome.vacated)
    rounds = (Round(table.hand, True, {"voided": True}),) if table.hand else ()
    outcome = replace(outcome, new_turn=True, rounds=rounds, vacated=(*outcome.vacated, *gone))
    voided = RoomEvent(ROUND_VOIDED, {"number": table.hand, "reason": reason})
    return absorb(room, outcome, now, entropy, (voided,), timed_out=tuple(table.seats))


def recover(room: Room, now: int) -> Decision | Nothing:
    """The clocks after we were away: nobody has lost time by it."""
    before, table, least = room, room.table, now + clock.MERCY_MS
    if table.host_gone_at is not None:
        table = replace(table, host_gone_at=max(table.host_gone_at, least))
    if table.closes_at is not None:
        table = replace(table, closes_at=max(table.closes_at, least))
    room = replace(room, members=recovered(room, now))
    same = room.members is before.members and table == before.table
    if table.paused_at is not None:
        return Nothing() if same else Decision(replace(room, table=replace(table, at=now)), ())
    seats = {
        index: seat if seat.away is None else replace(seat, away=clock.kept_longer(seat.away, now))
        for index, seat in table.seats.items()
    }
    turns = table.running_turns
    if not turns:
        if seats == table.seats and same:
            return Nothing()
        return Decision(replace(room, table=replace(table, at=now, seats=seats)), ())
    turn, *beside = (clock.recovered(turn, table.at, now, table.resting) for turn in turns)
    room = replace(room, table=replace(table, at=now, turn=turn, beside=tuple(beside), seats=seats))
    return Decision(room, tuple(map(turn_started, clock.running(room))))


def rest(room: Room, now: int) -> Decision | Nothing:
    """The room is put away, and time runs on."""
    if not clock.rests(room):
        return Nothing()
    return Decision(replace(room, table=replace(room.table, at=now, resting=True)), ())


def absorb(
    room: Room,
    outcome: Outcome[Any],
    now: int,
    entropy: Entropy,
    before: tuple[RoomEvent, ...] = (),
    *,
    timed_out: tuple[SeatIndex, ...] = (),
    drawn: bool = True,
    mover: SeatIndex | None = None,
) -> Decision:
    """The room after the game has said what happened. `before` are events that come ahead of the game's own;
    `timed_out` are seats for which it was played, since their time had run out; `drawn` says that the entropy had a
    part in it; `mover` is the seat that moved, or for which that was done."""
    decision = _absorb_once(room, outcome, now, before, timed_out, drawn, mover)
    table = decision.room.table
    if table.advance_at is None or table.advance_at > now or _held_up(room, now):
        return decision
    game, info = game_of(room), room.info
    if any(not round.ended for round in decision.rounds):
        entropy = Entropy(hashlib.sha256(b"again\0" + entropy).digest())  # a round was begun with it already
    more = game.advance(table.game, info.options, entropy)
    if isinstance(more, Refusal):
        return replace(decision, drawn=True)
    again = _absorb_once(_begun(decision.room), more, now, decision.events)
    return replace(again, rounds=decision.rounds + again.rounds, result=decision.result or again.result)


def _held_up(room: Room, now: int) -> bool:
    """Whether the next round does not begin at once: play is halted, an act of the host's comes first, or the room's
    end."""
    table = room.table
    return (
        table.paused_at is not None
        or bool(room.info.deferred)
        or (table.closes_at is not None and now >= table.closes_at)
    )


def _absorb_once(
    room: Room,
    outcome: Outcome[Any],
    now: int,
    before: tuple[RoomEvent, ...],
    timed_out: tuple[SeatIndex, ...] = (),
    drawn: bool = True,
    mover: SeatIndex | None = None,
) -> Decision:
    game, info, table = game_of(room), room.info, room.table
    events = [*before, *[_known_to_users(event, table.seats) for event in outcome.events]]
    seats, members = table.seats, room.members
    to_act = game.to_act(outcome.state)
    times, clocks = game.clock(info.options), table.clocks
    own_time = not isinstance(times, Clock)
    going: list[Turn] = []
    for turn in table.running_turns:
        if not outcome.new_turn and turn.seat in to_act and turn.seat not in outcome.anew:
            going.append(turn)
        elif actor := seats.get(turn.seat):
            ran_to = clock.ran_until(table, actor, now, turn.seat in timed_out and not own_time)
            left = clock.left_of_timebank(turn, ran_to)
            if isinstance(times, Clock):
                if left != actor.timebank_ms:
                    seats = {**seats, turn.seat: replace(actor, timebank_ms=left)}
            else:
                others = [index for index in seats if index != turn.seat]
                clocks = clock.pressed(times, clocks, turn, ran_to, others)
    if going and own_time and clocks is not table.clocks:
        ran, going = going, clock.gained(going, table.clocks, clocks)
        events += [turn_started(turn) for was, turn in zip(ran, going, strict=True) if turn is not was]
    hand = table.hand
    for round in outcome.rounds:
        if not round.ended:
            hand, clocks = round.number, {}
            seats = {i: replace(s, timebank_ms=clock.refilled(s.timebank_ms, times)) for i, s in seats.items()}
    for index in outcome.vacated:
        seat = seats[index]
        seats = {other: kept for other, kept in seats.items() if other != index}
        if index in clocks:
            clocks = {other: kept for other, kept in clocks.items() if other != index}
        freed = {"seat_index": index, "user_id": seat.user}
        if (chips := carried(outcome, index)) is not None:
            freed["chips"] = chips
        events.append(RoomEvent(SEAT_FREED, freed))
        members, watches = unseated(members, seat, now, info.max_spectators)
        events += watches
    offer = table.offer
    if offer is not None and (outcome.rounds or outcome.vacated or offer.ends_with(mover)):
        events.append(offer_ended(offer, "expired"))
        offer = None
    running = table.running and outcome.result is None
    turns = table.turns
    if len(going) < len(to_act):
        turns += 1
        clocks = clock.left_of(times, clocks, seats) if own_time else {}
        for index in to_act:
            if not going or all(turn.seat != index for turn in going):
                going.append(clock.begun(turns, index, seats[index], times, clocks, now))
                events.append(turn_started(clock.effective(going[-1], seats[index], times)))
    wait = game.advance_after_ms(outcome.state, info.options)
    if wait is None or not (running or outcome.result is not None or game.auto_start(info.options)):
        advance_at = None
    else:
        advance_at = table.advance_at if table.advance_at is not None and not outcome.rounds else now + wait
    first = going[0] if going else None
    status = status_at(first, advance_at, table.paused_at)
    after = replace(
        table, at=now, game=outcome.state, seats=seats, turn=first, beside=tuple(going[1:]), clocks=clocks, turns=turns,
        offer=offer, running=running, hand=hand, advance_at=advance_at,
    )  # fmt: skip
    info = info if info.status == status else replace(info, status=status)
    room = room.then(info, members, after)
    return Decision(room, tuple(events), NOTHING_GIVEN, outcome.rounds, outcome.result, drawn=drawn)


def _begun(room: Room) -> Room:
    table = replace(room.table, advance_at=None)
    if not table.running:
        table = replace(table, running=True, games=table.games + 1)
    return replace(room, table=table)


def unseated(
    members: dict[UserId, Member], seat: Seat, now: int, most: int
) -> tuple[dict[UserId, Member], tuple[RoomEvent, ...]]:
    """A user who gave up a seat watches on, unless they have left the room meanwhile (asking to come back admits
    nobody), was put out of it, lost the seat for being away, or as many as may (`most`) are watching.
    """
    member = members.get(seat.user)
    if member is None or member.standing != "approved":
        return members, ()
    if seat.away is not None and seat.away.step == "leaving":
        return members, ()
    if sum(other.watching and other.here for other in members.values()) >= most:
        return members, ()
    watching = replace(member, at=now, watching=True)
    joined = RoomEvent(SPECTATOR_JOINED, {"user_id": seat.user, "display_name": member.name})
    return {**members, seat.user: watching}, (joined,)


def status_at(turn: Turn | None, advance_at: int | None, paused_at: int | None) -> Status:
    """The state that the room is in."""
    if paused_at is not None:
        return "paused"
    return "playing" if turn is not None or advance_at is not None else "open"


def turn_started(turn: Turn) -> RoomEvent:
    fields = {
        "number": turn.number,
        "seat_index": turn.seat,
        "deadline_ms": turn.deadline_ms,
        "timebank_ms": turn.timebank_ms,
    }
    return RoomEvent(TURN_STARTED, fields)


def offer_ended(offer: PendingOffer, reason: Literal["accepted", "declined", "withdrawn", "expired"]) -> RoomEvent:
    fields = {"offer": offer.kind, "id": offer.id, "seat_index": offer.seat, "reason": reason}
    return RoomEvent(OFFER_ENDED, fields)


def _known_to_users(event: GameEvent, seats: dict[SeatIndex, Seat]) -> RoomEvent:
    if not event.private:
        return RoomEvent(cast(EventKind, event.kind), event.fields)
    private = {seats[index].user: fields for index, fields in event.private.items() if index in seats}
    return RoomEvent(EventKind(event.kind), event.fields, private)


def _automatic(event: GameEvent, seat: SeatIndex) -> GameEvent:
    mine = event.fields.get("seat_index") == seat and "move" in event.fields
    return replace(event, fields={**event.fields, "automatic": True}) if mine else event
