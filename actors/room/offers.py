"""Offers among players, in games that have them (`games.offers`): a draw, or a move taken back, by agreement; and
giving up, for which nobody is asked. Pure.

One offer may wait at a table. It lies in the state, so a crash loses none, and everybody at the table sees it. All
others who play are asked: it takes effect by the answer of the last who agrees, and is over with the first who does
not. It is over too when its player takes it back, when somebody who was asked moves instead of answering, when the
round ends or a player leaves; and one to take a move back when its own player moves on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from tavola.actors.room.play import absorb, game_of, offer_ended
from tavola.actors.room.state import Decision, Offer, Room, RoomEvent, Table
from tavola.actors.wire.commands import (
    AnswerDraw,
    AnswerUndo,
    OfferDraw,
    RequestUndo,
    Resign,
    Sender,
    WithdrawOffer,
)
from tavola.actors.wire.events import OFFER_ANSWERED, OFFER_MADE, PLAYER_RESIGNED
from tavola.actors.wire.refusals import (
    NO_OFFER,
    NO_ROUND,
    NOBODY_ASKED,
    NOT_OFFERED_HERE,
    NOT_SEATED,
    OFFER_WAITS,
    PAUSED,
)
from tavola.games.base import Entropy, Outcome, Refusal, SeatIndex
from tavola.games.offers import AgreedDraws, Agreement, OfferKind, Resigning, TakeBacks, offered_by


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
    made = Offer(kind, seat, command.id)
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


def about(made: Offer) -> dict[str, Any]:
    return {"offer": made.kind, "id": made.id, "seat_index": made.seat}


def shown(made: Offer) -> dict[str, Any]:
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
    """What comes of it if all agree."""
    game, state, options = game_of(room), room.table.game, room.info.options
    match kind:
        case "draw" if isinstance(game, AgreedDraws):
            return game.draw(state, options)
        case "undo" if isinstance(game, TakeBacks):
            return game.take_back(state, options, seat)
        case _:
            return NOT_OFFERED_HERE


def _with(room: Room, made: Offer | None, now: int) -> Room:
    table: Table[Any] = replace(room.table, at=now, offer=made)
    return replace(room, table=table)
