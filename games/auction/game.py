"""A sealed-bid auction, for three to seven: the example of a game in which all act at once, and in secret.

Some lots are sold one after another. To each player each lot has a worth of their own, which nobody else knows: all of
them are told at the start. Everybody has the same coins, for all lots together; coins that are left at the end are
worth nothing. For each lot all who have coins write down a bid, in any order, 0 if they want none of it. When all have,
the bids are turned up. The highest takes the lot and pays its bid (or the second-highest one, by the option `price`),
and scores what the lot is worth to them. Where the highest bid is that of several, or 0, nobody gets it. After the last
lot, or when nobody has a coin left, the highest score wins.

Time that runs out bids 0. A player who leaves is out of the auction at once, with what they bid for the lot; with one
left it is over. Those who sit down meanwhile are in the next one, which begins by itself while three are seated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from msgspec.structs import replace

from tavola.games.auction.bots import careful
from tavola.games.auction.events import LOT_SOLD
from tavola.games.auction.state import LEAST, MOST_VALUE, AuctionOptions, AuctionState, Bidder, Sold
from tavola.games.base import Clock, Entropy, Event, Game, Json, Move, Outcome, Refusal, Round, SeatIndex
from tavola.games.events import GAME_COMPLETE, GAME_STARTED, PLAYER_ACTION


class Auction(Game[AuctionState, AuctionOptions]):
    """The rules."""

    kind = "auction"
    title = "Sealed-bid auction"
    host_rolls_back = True
    moves: ClassVar = {"bid": ("amount",)}
    chance_in_moves: ClassVar = False
    bots: ClassVar = ("careful", "random")

    # The table

    def seats(self, options: AuctionOptions) -> int:
        return options.seats

    def clock(self, options: AuctionOptions) -> Clock:
        bank_ms = options.timebank_seconds * 1000
        return Clock(options.turn_seconds * 1000, bank_ms, refill_ms=bank_ms)

    def auto_start(self, options: AuctionOptions) -> bool:
        return options.auto_start

    def open(self, options: AuctionOptions) -> AuctionState:
        return AuctionState()

    def sit(self, state: AuctionState, options: AuctionOptions, seat: SeatIndex) -> Outcome[AuctionState] | Refusal:
        if not 0 <= seat < options.seats:
            return Refusal("illegal_move", f"This table has the seats 0 to {options.seats - 1}.")
        if state.at(seat) is not None:
            return Refusal("seat_taken", "Somebody sits there.")
        bidders = sorted((*state.bidders, Bidder(seat)), key=lambda bidder: bidder.seat)
        return Outcome(replace(state, bidders=tuple(bidders)))

    def stand(self, state: AuctionState, options: AuctionOptions, seat: SeatIndex) -> Outcome[AuctionState] | Refusal:
        bidder = state.at(seat)
        if bidder is None:
            return Refusal("not_seated", "Nobody sits there.")
        left = replace(state, bidders=tuple(other for other in state.bidders if other.seat != seat))
        if not bidder.values or not state.lot:
            return Outcome(left, vacated=(seat,))
        outcome = _over(left) if len(left.playing) < 2 else _settled(left, options)
        return replace(outcome, vacated=(seat,))

    # Play

    def advance_after_ms(self, state: AuctionState, options: AuctionOptions) -> int | None:
        return options.pause_seconds * 1000 if not state.lot and len(state.bidders) >= LEAST else None

    def advance(
        self, state: AuctionState, options: AuctionOptions, entropy: Entropy
    ) -> Outcome[AuctionState] | Refusal:
        if self.advance_after_ms(state, options) is None:
            return Refusal("illegal_move", "An auction begins when three are seated and none runs.")
        drawn = iter(hashlib.shake_256(entropy).digest(2 * len(state.bidders) * options.lots))
        bidders = [
            Bidder(bidder.seat, options.coins, 0, tuple(_value(drawn) for _ in range(options.lots)))
            for bidder in state.bidders
        ]
        begun = AuctionState(state.number + 1, 1, tuple(bidders))
        facts: dict[str, Json] = {"number": begun.number, "lots": options.lots, "seats": [b.seat for b in bidders]}
        own: dict[SeatIndex, dict[str, Json]] = {b.seat: {"values": list(b.values)} for b in bidders}
        started = Event(GAME_STARTED, facts, own)
        return Outcome(begun, (started,), new_turn=True, rounds=(Round(begun.number, False, facts),))

    def to_act(self, state: AuctionState) -> Sequence[SeatIndex]:
        return state.choosing

    def legal(self, state: AuctionState, options: AuctionOptions, seat: SeatIndex) -> list[dict[str, Json]]:
        bidder = state.at(seat)
        if bidder is None or seat not in state.choosing:
            return []
        return [{"move": "bid", "amount": {"min": 0, "max": bidder.coins}}]

    def play(
        self, state: AuctionState, options: AuctionOptions, seat: SeatIndex, move: Move, entropy: Entropy
    ) -> Outcome[AuctionState] | Refusal:
        if move.name != "bid":
            return Refusal("illegal_move", "The only move is to bid.")
        bidder = state.at(seat)
        if bidder is None or seat not in state.choosing:
            return Refusal("not_your_turn", "You have nothing to bid for just now.")
        amount = move.arguments.get("amount")
        if type(amount) is not int or not 0 <= amount <= bidder.coins:
            return Refusal("illegal_move", f"Bid 0 to {bidder.coins} coins.")
        bidders = tuple(replace(each, bid=amount) if each.seat == seat else each for each in state.bidders)
        told = Event(PLAYER_ACTION, {"seat_index": seat, "move": "bid"}, {seat: {"amount": amount}})
        outcome = _settled(replace(state, bidders=bidders), options)
        return replace(outcome, events=(told, *outcome.events))

    def timeout_move(self, state: AuctionState, options: AuctionOptions, seat: SeatIndex) -> Move:
        return Move("bid", {"amount": 0})

    # Bots

    def bot(self, name: str, view: Mapping[str, Json], entropy: Entropy) -> Move:
        return careful(view, entropy) if name == "careful" else super().bot(name, view, entropy)

    # Views

    def public(self, state: AuctionState, options: AuctionOptions) -> dict[str, Json]:
        return {
            "number": state.number,
            "lot": state.lot,
            "lots": options.lots,
            "last": None if state.last is None else told_of(state.last),
        }

    def public_seat(self, state: AuctionState, options: AuctionOptions, seat: SeatIndex) -> dict[str, Json]:
        bidder = state.at(seat)
        assert bidder is not None
        return {"coins": bidder.coins, "score": bidder.score, "has_bid": bidder.bid is not None}

    def private_seat(self, state: AuctionState, options: AuctionOptions, seat: SeatIndex) -> dict[str, Json]:
        bidder = state.at(seat)
        if bidder is None or not state.lot or not bidder.values:
            return {}
        return {"values": list(bidder.values), "bid": bidder.bid}


def _value(drawn: Iterator[int]) -> int:
    """The worth of a lot, of two bytes of chance."""
    return (next(drawn) << 8 | next(drawn)) % MOST_VALUE + 1


def told_of(sold: Sold) -> dict[str, Json]:
    """A lot that was sold, or not, as everybody is told of it."""
    bids: list[dict[str, Any]] = [{"seat_index": seat, "amount": amount} for seat, amount in sold.bids]
    return {"lot": sold.lot, "bids": bids, "winner": sold.winner, "price": sold.price}


def _settled(state: AuctionState, options: AuctionOptions) -> Outcome[AuctionState]:
    """The auction after a bid, or after somebody left: while others choose it goes on as it is, else the bids are
    turned up."""
    if state.choosing:
        return Outcome(state)
    bids = [(bidder.seat, bidder.bid or 0) for bidder in state.playing]
    amounts = sorted((amount for _, amount in bids), reverse=True)
    sold = Sold(state.lot, tuple(bids))
    if amounts[0] > amounts[1]:
        price = amounts[1] if options.price == "second" else amounts[0]
        sold = Sold(state.lot, tuple(bids), next(seat for seat, amount in bids if amount == amounts[0]), price)
    after = replace(state, lot=state.lot + 1, last=sold, bidders=tuple(_paid(each, sold) for each in state.bidders))
    event = Event(LOT_SOLD, told_of(sold))
    if sold.lot < options.lots and after.choosing:
        return Outcome(after, (event,), new_turn=True)
    over = _over(replace(after, lot=sold.lot))
    return replace(over, events=(event, *over.events))


def _paid(bidder: Bidder, sold: Sold) -> Bidder:
    if bidder.seat != sold.winner:
        return replace(bidder, bid=None)
    worth = bidder.values[sold.lot - 1]
    return replace(bidder, coins=bidder.coins - sold.price, score=bidder.score + worth, bid=None)


def _over(state: AuctionState) -> Outcome[AuctionState]:
    """The auction ends: after the last lot, or for want of coins or bidders."""
    scores: list[dict[str, Json]] = [{"seat_index": each.seat, "score": each.score} for each in state.playing]
    best = max((each.score for each in state.playing), default=0)
    winners = [each.seat for each in state.playing if each.score == best]
    result: dict[str, Json] = {"winners": winners, "scores": scores}
    rest = tuple(replace(each, values=(), bid=None) for each in state.bidders)
    told = Event(GAME_COMPLETE, {"number": state.number, **result})
    record = Round(state.number, True, result)
    return Outcome(replace(state, lot=0, bidders=rest), (told,), rounds=(record,), result=result)
