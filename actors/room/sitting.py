"""Seats that are reserved; and the commands of a seated player beside their moves: sitting out and in, bringing more
chips; giving up, and what players agree on. Pure.

A reservation is made when a room is opened, and names one user for one seat. It holds until that user takes another
seat, leaves for good or is put out: also while they sit there, and while they are away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from tavola.actors.room.play import absorb, game_of, offer_ended
from tavola.actors.room.state import Decision, PendingOffer, Room, RoomEvent
from tavola.actors.wire.commands import (
    AnswerDraw,
    AnswerUndo,
    CommandId,
    OfferDraw,
    Rebuy,
    RequestUndo,
    Resign,
    Sender,
    UserId,
    WithdrawOffer,
)
from tavola.actors.wire.events import (
    CHIPS_ADDED,
    OFFER_ANSWERED,
    OFFER_MADE,
    PLAYER_RESIGNED,
    PLAYER_SAT_IN,
    PLAYER_SAT_OUT,
    RESERVATION_ENDED,
)
from tavola.actors.wire.refusals import (
    NO_CHIPS,
    NO_OFFER,
    NO_ROUND,
    NOBODY_ASKED,
    NOT_OFFERED_HERE,
    NOT_SEATED,
    OFFER_WAITS,
    PAUSED,
    SEAT_RESERVED,
)
from tavola.games.base import Entropy, Outcome, Refusal, SeatIndex
from tavola.games.offers import AgreedDraws, Agreement, OfferKind, Resigning, TakeBacks, offered_by
from tavola.games.stakes import stakes_of


def reserved_against(room: Room, user: UserId, index: SeatIndex) -> Refusal | None:
    """The refusal of a seat that is reserved for somebody else."""
    if not room.info.reserved or room.info.reserved.get(user) == index:
        return None
    return SEAT_RESERVED if index in room.info.reserved.values() else None


def released(room: Room, user: UserId) -> tuple[Room, tuple[RoomEvent, ...]]:
    """The room without the reservation of `user`, if there is one, and what is told of that."""
    if not room.info.reserved or user not in room.info.reserved:
        return room, ()
    left = {other: index for other, index in room.info.reserved.items() if other != user}
    event = RoomEvent(RESERVATION_ENDED, {"seat_index": room.info.reserved[user], "user_id": user})
    return replace(room, info=replace(room.info, reserved=left or UNSET)), (event,)


def sit_out(room: Room, sender: Sender, now: int, entropy: Entropy) -> Decision | Refusal:
    index = room.seat_of(sender.user)
    if index is None:
        return NOT_SEATED
    outcome = game_of(room).sit_out(room.table.game, room.info.options, index)
    return _told(room, outcome, RoomEvent(PLAYER_SAT_OUT, {"seat_index": index, "user_id": sender.user}), now, entropy)


def sit_in(room: Room, sender: Sender, now: int, entropy: Entropy) -> Decision | Refusal:
    index = room.seat_of(sender.user)
    if index is None:
        return NOT_SEATED
    outcome = game_of(room).sit_in(room.table.game, room.info.options, index)
    return _told(room, outcome, RoomEvent(PLAYER_SAT_IN, {"seat_index": index, "user_id": sender.user}), now, entropy)


def rebuy(room: Room, sender: Sender, command: Rebuy, now: int, entropy: Entropy) -> Decision | Refusal:
    index = room.seat_of(sender.user)
    if index is None:
        return NOT_SEATED
    stakes = stakes_of(game_of(room))
    if stakes is None:
        return NO_CHIPS
    outcome = stakes.rebuy(room.table.game, room.info.options, index, command.amount)
    if isinstance(outcome, Refusal):
        return outcome
    fields: dict[str, Any] = {"seat_index": index, "user_id": sender.user, "amount": command.amount}
    fields["chips"] = stakes.chips(outcome.state, index)
    return _told(room, outcome, RoomEvent(CHIPS_ADDED, fields), now, entropy)


def touched(room: Room) -> Room:
    """The same room with its seats' rows to be written: what is in them comes from the game."""
    return replace(room, table=replace(room.table, seats=dict(room.table.seats)))


def _told(
    room: Room, outcome: Outcome[Any] | Refusal, event: RoomEvent, now: int, entropy: Entropy
) -> Decision | Refusal:
    return outcome if isinstance(outcome, Refusal) else absorb(touched(room), outcome, now, entropy, (event,))


# Offers, in games that have them (`games.offers`): one may wait at a table, and lies in the state. All others who play
# are asked: it takes effect by the answer of the last who agrees, and is over with the first who does not.


def resign(room: Room, sender: Sender, command: Resign, now: int, entropy: Entropy) -> Decision | Refusal:
    seat = _playing(room, sender)
    if isinstance(seat, Refusal):
        return seat
    game = game_of(room)
    if not isinstance(game, Resigning):
        return NOT_OFFERED_HERE
    outcome = game.resign(room.table.game, room.info.options, seat)
    if isinstance(outcome, Refusal):
        return outcome
    told = RoomEvent(PLAYER_RESIGNED, {"seat_index": seat, "user_id": sender.user})
    return absorb(room, outcome, now, entropy, (told,), drawn=False)


def offer(room: Room, sender: Sender, command: OfferDraw | RequestUndo, now: int) -> Decision | Refusal:
    seat = _playing(room, sender)
    if isinstance(seat, Refusal):
        return seat
    kind: Agreement = "draw" if isinstance(command, OfferDraw) else "undo"
    if room.table.offer is not None:
        return OFFER_WAITS
    if isinstance(outcome := _outcome(room, kind, seat), Refusal):
        return outcome
    if not asked(room, seat):
        return NOBODY_ASKED
    made = PendingOffer(kind, seat, CommandId(command.id))
    event = RoomEvent(OFFER_MADE, {**about(made), "user_id": sender.user})
    return Decision(_with(room, made, now), (event,))


def answer(
    room: Room, sender: Sender, command: AnswerDraw | AnswerUndo, now: int, entropy: Entropy
) -> Decision | Refusal:
    seat = _playing(room, sender)
    if isinstance(seat, Refusal):
        return seat
    made = room.table.offer
    kind: Agreement = "draw" if isinstance(command, AnswerDraw) else "undo"
    if made is None or made.kind != kind or (command.offer is not None and command.offer != made.id):
        return NO_OFFER
    if seat not in asked(room, made.seat) or seat in made.accepted:
        return NO_OFFER
    told = RoomEvent(OFFER_ANSWERED, {**about(made), "by": sender.user, "accept": command.accept})
    if not command.accept:
        return Decision(_with(room, None, now), (told, offer_ended(made, "declined")))
    agreed = replace(made, accepted=tuple(sorted((*made.accepted, seat))))
    if any(other not in agreed.accepted for other in asked(room, made.seat)):
        return Decision(_with(room, agreed, now), (told,))
    outcome = _outcome(room, kind, made.seat)
    if isinstance(outcome, Refusal):
        return outcome
    events = (told, offer_ended(made, "accepted"))
    return absorb(_with(room, None, now), outcome, now, entropy, events, drawn=False)


def withdraw(room: Room, sender: Sender, command: WithdrawOffer, now: int) -> Decision | Refusal:
    seat, made = room.seat_of(sender.user), room.table.offer
    if seat is None:
        return NOT_SEATED
    if made is None or made.seat != seat or (command.offer is not None and command.offer != made.id):
        return NO_OFFER
    return Decision(_with(room, None, now), (offer_ended(made, "withdrawn"),))


def may_offer(room: Room, seat: SeatIndex) -> Sequence[OfferKind]:
    """The offers that the game has, while the player in `seat` is in a round that runs."""
    kinds = offered_by(type(game_of(room)))
    return kinds if kinds and _in_round(room, seat) else ()


def _in_round(room: Room, seat: SeatIndex) -> bool:
    game, state = game_of(room), room.table.game
    return not game.between_rounds(state) and not game.sits_out(state, seat)


def asked(room: Room, seat: SeatIndex) -> list[SeatIndex]:
    """The seats that an offer of the player in `seat` is made to."""
    game, table = game_of(room), room.table
    return [other for other in table.seats if other != seat and not game.sits_out(table.game, other)]


def about(made: PendingOffer) -> dict[str, Any]:
    return {"offer": made.kind, "id": made.id, "seat_index": made.seat}


def shown(made: PendingOffer) -> dict[str, Any]:
    """As everybody at the table sees it."""
    return {**about(made), "accepted": list(made.accepted)}


def _playing(room: Room, sender: Sender) -> SeatIndex | Refusal:
    """The sender's seat, while a round runs in which there is something to offer."""
    seat = room.seat_of(sender.user)
    if seat is None:
        return NOT_SEATED
    if room.table.paused_at is not None:
        return PAUSED
    return seat if _in_round(room, seat) else NO_ROUND


def _outcome(room: Room, kind: Agreement, seat: SeatIndex) -> Outcome[Any] | Refusal:
    """The outcome of it if all agree."""
    game, state, options = game_of(room), room.table.game, room.info.options
    match kind:
        case "draw" if isinstance(game, AgreedDraws):
            return game.draw(state, options)
        case "undo" if isinstance(game, TakeBacks):
            return game.take_back(state, options, seat)
        case _:
            return NOT_OFFERED_HERE


def _with(room: Room, made: PendingOffer | None, now: int) -> Room:
    return replace(room, table=replace(room.table, at=now, offer=made))
