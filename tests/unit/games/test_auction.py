"""The sealed-bid auction: what is sold to whom, for how much, and what nobody else may see before."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tavola.games.auction.bots import careful
from tavola.games.auction.game import Auction
from tavola.games.base import Entropy, Outcome, Refusal, SeatIndex
from tavola.testing import Playing

GAME = Auction()


def auction(players: int = 3, **options: Any) -> Playing:
    """An auction that has begun."""
    playing = Playing(Auction, {"seats": max(players, 3), **options})
    for seat in range(players):
        playing.sit(seat)
    playing.advance(7)
    return playing


def bids(playing: Playing, *amounts: int) -> Outcome[Any]:
    """All that are to act bid, in the order of their seats. Gives the outcome of the last."""
    outcomes = [playing.act(seat, "bid", amount=amount) for seat, amount in zip(playing.to_act, amounts, strict=True)]
    last = outcomes[-1]
    assert isinstance(last, Outcome)
    return last


def sold(outcome: Outcome[Any]) -> Any:
    [event] = [event for event in outcome.events if event.kind == "lot_sold"]
    return event.fields


def test_it_begins_with_three() -> None:
    playing = Playing(Auction)
    for seat in (0, 1):
        playing.sit(seat)
    assert isinstance(playing.advance(), Refusal)
    playing.sit(4)
    assert isinstance(playing.advance(), Outcome)
    assert playing.to_act == [0, 1, 4]


def test_all_bid_in_any_order_and_the_bids_are_turned_up_together() -> None:
    playing = auction()
    for seat, amount in ((2, 5), (0, 9)):
        told = playing.act(seat, "bid", amount=amount)
        assert isinstance(told, Outcome)
        assert [event.fields for event in told.events] == [{"seat_index": seat, "move": "bid"}]
        assert told.events[0].private == {seat: {"amount": amount}}
    assert playing.to_act == [1]
    assert isinstance(playing.act(0, "bid", amount=1), Refusal), "a bid is not changed"
    last = playing.act(1, "bid", amount=3)
    assert isinstance(last, Outcome)
    shown = [{"seat_index": 0, "amount": 9}, {"seat_index": 1, "amount": 3}, {"seat_index": 2, "amount": 5}]
    assert sold(last) == {"lot": 1, "bids": shown, "winner": 0, "price": 9}
    assert last.new_turn
    assert playing.to_act == [0, 1, 2]


@pytest.mark.parametrize(("price", "pays"), [("first", 9), ("second", 5)])
def test_the_highest_bid_takes_it_and_pays(price: str, pays: int) -> None:
    playing = auction(price=price)
    worth = playing.state.at(0).values[0]
    assert sold(bids(playing, 9, 3, 5))["price"] == pays
    assert GAME.public_seat(playing.state, playing.options, SeatIndex(0)) == {
        "coins": 100 - pays, "score": worth, "has_bid": False,
    }  # fmt: skip


@pytest.mark.parametrize("amounts", [(7, 7, 2), (0, 0, 0)])
def test_nobody_gets_what_several_bid_highest_for(amounts: tuple[int, ...]) -> None:
    playing = auction()
    assert sold(bids(playing, *amounts))["winner"] is None
    assert [bidder.coins for bidder in playing.state.bidders] == [100, 100, 100]


def test_who_has_no_coins_is_not_asked() -> None:
    playing = auction(coins=10)
    bids(playing, 10, 2, 1)
    assert playing.to_act == [1, 2]
    assert playing.legal(0) == []
    bids(playing, 10, 9)
    assert playing.to_act == [2]


def test_it_is_over_when_nobody_has_coins() -> None:
    playing = auction(coins=1, lots=12)
    bids(playing, 1, 0, 0)
    bids(playing, 1, 0)
    over = bids(playing, 1)
    assert over.result is not None
    assert playing.state.lot == 0


def test_the_highest_score_wins_after_the_last_lot() -> None:
    playing = auction(lots=1)
    over = bids(playing, 0, 8, 0)
    scores = [{"seat_index": seat, "score": playing.state.at(seat).score} for seat in range(3)]
    assert over.result == {"winners": [1], "scores": scores}
    assert [round.ended for round in over.rounds] == [True]
    assert isinstance(playing.advance(1), Outcome), "and another begins"


def test_a_player_who_leaves_takes_their_bid_with_them() -> None:
    playing = auction(4)
    playing.act(0, "bid", amount=50)
    left = playing.stand(0)
    assert isinstance(left, Outcome)
    assert left.vacated == (0,)
    assert playing.to_act == [1, 2, 3]
    playing.act(1, "bid", amount=2)
    playing.act(2, "bid", amount=1)
    outcome = playing.stand(3)
    assert isinstance(outcome, Outcome)
    assert sold(outcome)["winner"] == 1, "nobody else was to bid"
    over = playing.stand(1)
    assert isinstance(over, Outcome)
    assert over.result is not None, "with one it is over"


def test_who_comes_meanwhile_is_in_the_next_one() -> None:
    playing = auction(seats=5)
    playing.sit(4)
    assert playing.to_act == [0, 1, 2]
    assert GAME.private_seat(playing.state, playing.options, SeatIndex(4)) == {}


def test_a_time_out_bids_nothing() -> None:
    playing = auction()
    playing.time_out(1)
    assert playing.state.at(1).bid == 0
    assert playing.to_act == [0, 2]


def test_bots_spend_all_they_have_and_no_more() -> None:
    playing = auction(lots=3)
    for number in range(3):
        for seat in playing.to_act:
            shown = playing.seen_by(seat)
            view = {"game": shown["public"], "me": {**shown["own"], "legal": shown["legal"]}}
            move = careful(view, Entropy(bytes([number * 100])))
            assert isinstance(playing.play(seat, move), Outcome)
    assert playing.state.lot == 0


def test_the_largest_state_is_small() -> None:
    playing = auction(7, lots=12, coins=1000)
    bids(playing, *range(7))
    playing.check()
    assert len(json.dumps(GAME.public(playing.state, playing.options))) < 1024
