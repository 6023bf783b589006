"""The checks of a hold'em table find what is planted, and nothing else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tavola.client.frames import Hydrated, Json
from tavola.load.checks.holdem import Cards, Chips, Deal, cards_in
from tavola.load.checks.verdict import Actions, CheckRecorder, Verdict, compare

encode = msgspec.json.encode


def view(**changes: Any) -> Json:
    """Seat 0's view on the flop of hand 7, against seat 1."""
    base: Json = {
        "game": {"hand": {"number": 7, "board": ["2c", "Td", "Ks"], "pots": [{"amount": 40, "seats": [0, 1]}]}},
        "seats": {
            "0": {"chips": 970, "bet": 10, "hole_cards": ["??", "??"]},
            "1": {"chips": 980, "bet": 0, "hole_cards": ["??", "??"]},
        },
        "me": {"seat_index": 0, "hole_cards": ["Ah", "Ad"]},
    }
    return {**base, **changes}


class Table:
    """Seat 0 watches; seat 1 holds the queen of spades and the queen of hearts."""

    def __init__(self) -> None:
        self.verdict = Verdict()
        self.witness = CheckRecorder(self.verdict, "r1", "Bot 0.0")
        self.deal = Deal()
        self.cards = Cards(self.witness, self.deal)
        self.deal.dealt(7, 1, ["Qs", "Qh"])
        self.shows([{"kind": "hand_started", "number": 7}], view())

    def shows(self, events: list[Json], now: Json, **more: Any) -> list[str]:
        """One update; gives the breaches that it makes."""
        before = len(self.verdict.violations)
        self.cards.updated(8, events, now)
        self.cards.search(encode({"type": "update", "room": "r1", "seq": 8, "events": events, "patch": now, **more}))
        return [violation.message for violation in self.verdict.violations[before:]]


def test_a_hand_as_it_should_be_seen() -> None:
    table = Table()
    turn = view()
    turn["game"]["hand"]["board"] = ["2c", "Td", "Ks", "9h"]
    assert table.shows([{"kind": "street_advanced", "phase": "turn", "board": ["2c", "Td", "Ks", "9h"]}], turn) == []
    shown = view()
    shown["seats"]["1"]["hole_cards"] = ["Qs", "Qh"]
    assert table.shows([{"kind": "cards_shown", "seat_index": 1, "hole_cards": ["Qs", "Qh"]}], shown) == []
    assert table.shows([], shown) == []
    assert table.verdict.violations == []


PLANTED: dict[str, tuple[list[Json], Json]] = {
    "in the seat": ([], {"seats": {"1": {"hole_cards": ["Qs", "??"]}}}),
    "in an event": ([{"kind": "hole_cards_dealt", "seats": {"1": ["Qs", "7d"]}}], {}),
    "in a text": ([{"kind": "chat", "text": "they have Qs, I saw it"}], {}),
    "glued together": ([{"kind": "chat", "text": "QsQh"}], {}),
    "as a name": ([{"kind": "x", "Qs": 1}], {}),
    "in a part of the view nobody knows": ([], {"debug": {"deck": ["Qs"]}}),
}


@pytest.mark.parametrize("place", PLANTED)
def test_a_leaked_card_is_found(place: str) -> None:
    events, extra = PLANTED[place]
    breaches = Table().shows(events, {**view(), **extra})
    assert any("Qs, which seat 1 holds" in breach for breach in breaches)


def test_a_leak_in_any_other_frame_is_found() -> None:
    table = Table()
    table.cards.search(encode({"type": "error", "code": "illegal_move", "message": "You cannot beat Qs."}))
    assert len(table.verdict.violations) == 1


def test_a_card_of_the_hand_before_is_no_secret_but_only_in_the_update_that_ends_it() -> None:
    table = Table()
    next_hand = view(me={"seat_index": 0, "hole_cards": ["3c", "3d"]})
    next_hand["game"]["hand"] = {"number": 8, "board": [], "pots": []}
    events: list[Json] = [
        {"kind": "cards_shown", "seat_index": 1, "hole_cards": ["Qs", "Qh"]},
        {"kind": "hand_complete"},
        {"kind": "hand_started", "number": 8},
    ]
    assert table.shows(events, next_hand) == []
    assert table.shows([{"kind": "chat", "text": "Qs"}], next_hand) != []


def test_a_hand_that_begins_and_ends_within_one_update_is_a_hand_of_its_own() -> None:
    table = Table()
    table.deal.dealt(7, 2, ["Jc", "Jd"])
    third = view(me={"seat_index": 0})
    third["game"]["hand"] = {"number": 9, "board": [], "pots": []}
    events: list[Json] = [
        {"kind": "cards_shown", "seat_index": 2, "hole_cards": ["Jc", "Jd"]},
        {"kind": "hand_started", "number": 8},
        {"kind": "cards_shown", "seat_index": 1, "hole_cards": ["Jc", "Jd"]},
        {"kind": "hand_started", "number": 9},
    ]
    assert table.shows(events, third) == []


def test_the_same_card_twice_is_found() -> None:
    table = Table()
    breaches = table.shows([], view(me={"seat_index": 0, "hole_cards": ["Qs", "Ad"]}))
    assert breaches == ["expected every card once; Qs is in seat 0 and in seat 1"]


def test_cards_shown_by_somebody_who_does_not_hold_them_are_found() -> None:
    table = Table()
    table.deal.dealt(7, 2, ["Jc", "Jd"])
    assert table.shows([{"kind": "cards_shown", "seat_index": 1, "hole_cards": ["Jc", "Jd"]}], view())


def test_a_full_view_may_remember_the_hands_in_its_recent() -> None:
    table = Table()
    fresh = view(recent=[{"events": [{"kind": "cards_shown", "seat_index": 1, "hole_cards": ["5c", "5d"]}]}])
    table.cards.hydrated(Hydrated("r1", 9, fresh))
    table.cards.search_view(encode(fresh), fresh)
    assert table.verdict.violations == []


def test_a_full_view_with_a_card_that_was_not_shown_is_found() -> None:
    table = Table()
    fresh = view(recent=[])
    fresh["seats"]["1"]["hole_cards"] = ["Qs", "Qh"]
    table.cards.hydrated(Hydrated("r1", 9, fresh))
    table.cards.search_view(encode(fresh), fresh)
    assert {violation.message[:40] for violation in table.verdict.violations} == {
        "expected no card unseen; found Qh, which",
        "expected no card unseen; found Qs, which",
    }


def test_a_full_view_in_the_middle_of_a_showdown() -> None:
    table = Table()
    fresh = view(recent=[{"events": [{"kind": "cards_shown", "seat_index": 1, "hole_cards": ["Qs", "Qh"]}]}])
    fresh["seats"]["1"]["hole_cards"] = ["Qs", "Qh"]
    table.cards.hydrated(Hydrated("r1", 9, fresh))
    table.cards.search_view(encode(fresh), fresh)
    table.cards.search(encode({"seats": fresh["seats"]}))
    assert table.verdict.violations == []


@pytest.mark.parametrize("innocent", ["As the host, wait.", "a1b2-9c8d", "550e8400-e29b", "x.Qsy", "As2", "11h", "{}"])
def test_what_only_looks_like_a_card(innocent: str) -> None:
    assert cards_in(encode(innocent)) == set()


@pytest.mark.parametrize("text", ["As", "has As", "As Kd", "AsKd", "[As]", "As."])
def test_what_is_a_card(text: str) -> None:
    assert "As" in cards_in(encode(text))


def chips() -> tuple[Chips, Verdict]:
    verdict = Verdict()
    watch = Chips(CheckRecorder(verdict, "r1", "Bot 0.0"), buy_in=1000)
    watch.updated(8, [], view())
    return watch, verdict


def moved(**stacks: tuple[int, int]) -> Json:
    """`view()` with other chips and bets."""
    now = view()
    for seat, (stack, bet) in stacks.items():
        now["seats"][seat[1:]] = {"chips": stack, "bet": bet}
    return now


def test_chips_that_move_are_kept() -> None:
    watch, verdict = chips()
    watch.updated(9, [{"kind": "player_action"}], moved(s1=(970, 10)))
    watch.updated(10, [{"kind": "player_seated", "seat_index": 2}], moved(s1=(970, 10), s2=(1000, 0)))
    watch.updated(11, [{"kind": "chips_added", "amount": 50}], moved(s1=(970, 10), s2=(1050, 0)))
    watch.updated(12, [{"kind": "seat_freed", "seat_index": 2}], moved(s1=(970, 10)))
    assert verdict.violations == []
    assert verdict.made["chips"] == 5


@pytest.mark.parametrize(
    ("events", "now"),
    [
        ([], moved(s1=(981, 0))),
        ([{"kind": "player_action"}], moved(s1=(970, 9))),
        ([{"kind": "player_seated", "seat_index": 2}], moved(s2=(1001, 0))),
        ([{"kind": "seat_freed", "seat_index": 1}], moved()),
        ([{"kind": "chips_added", "amount": 50}], moved(s1=(1031, 0))),
    ],
)
def test_a_chip_too_many_or_too_few_is_found(events: list[Json], now: Json) -> None:
    watch, verdict = chips()
    watch.updated(9, events, now)
    assert [violation.check for violation in verdict.violations] == ["chips"]
    assert verdict.violations[0].seq == 9


def test_an_acknowledged_action_must_be_in_its_update() -> None:
    verdict = Verdict()
    actions = Actions(CheckRecorder(verdict, "r1", "Bot 0.0"))
    mine: list[Json] = [{"kind": "player_action", "seat_index": 0, "move": "call"}]
    others: list[Json] = [{"kind": "player_action", "seat_index": 1}, {"kind": "turn_started", "seat_index": 0}]
    actions.updated(5, mine, 0)
    actions.acked(5, at=5)  # the update came first
    actions.acked(6, at=5)  # the ack came first
    actions.updated(6, mine, 0)
    assert verdict.violations == []
    assert verdict.made["actions"] == 2
    actions.acked(7, at=6)
    actions.updated(7, others, 0)
    actions.updated(8, [{**mine[0], "automatic": True}], 0)
    actions.acked(8, at=8)
    assert [violation.seq for violation in verdict.violations] == [7, 8]
    actions.jumped(12)
    actions.acked(11, at=12)  # it came as part of a whole view, and nobody can say
    assert len(verdict.violations) == 2
    actions.acked(13, at=13)
    assert [violation.seq for violation in verdict.violations] == [7, 8, 13]


def test_a_view_that_drifted_is_found() -> None:
    verdict = Verdict()
    witness = CheckRecorder(verdict, "r1", "Bot 0.0")
    compare(witness, 5, {**view(), "turn": None}, {**view(), "seq": 5, "at": 3, "stale": False, "recent": [1]})
    assert verdict.violations == []
    compare(witness, 6, view(), moved(s1=(1, 0)))
    assert "seats.1.bet" in verdict.violations[0].message or "seats.1.chips" in verdict.violations[0].message


def test_who_leaves_as_the_hand_ends_takes_along_what_he_has_just_won() -> None:
    verdict = Verdict()
    watch = Chips(CheckRecorder(verdict, "r", "b"), 1000)
    seated = {"seats": {"0": {"chips": 900, "bet": 100}, "1": {"chips": 900, "bet": 100}}}
    watch.hydrated(seated)
    won = {"pots": [{"amount": 200, "winners": [{"seat_index": 0, "amount": 200}]}]}
    ended: list[Json] = [
        {"kind": "player_action", "seat_index": 1, "move": "fold", "chips": 900},
        {"kind": "pot_distributed", **won, "returned": [{"seat_index": 0, "amount": 5}]},
        {"kind": "seat_freed", "seat_index": 0},
    ]
    watch.updated(2, ended, {"seats": {"1": {"chips": 895, "bet": 0}}})
    assert not verdict.failed
    assert verdict.made["chips"] == 2
