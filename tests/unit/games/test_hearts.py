"""Hearts: passing, following, what costs, who leads, the moon, leaving; and its bot."""

from __future__ import annotations

import json
import random
from itertools import chain
from statistics import fmean
from typing import Any

import pytest
from msgspec.structs import replace

from tavola.games.base import Entropy, Event, Move, Outcome, Refusal, SeatIndex
from tavola.games.cards import DECK
from tavola.games.hearts.bots import cautious
from tavola.games.hearts.game import Hearts
from tavola.games.hearts.state import HeartsPlayer, HeartsState, Trick
from tavola.games.hearts.tricks import playable, sorted_hand, split, winner, worth
from tavola.testing import Playing

GAME = Hearts()


def hearts(**options: Any) -> Playing:
    """Four have sat down, and the first hand is dealt."""
    playing = Playing(Hearts, options)
    for seat in range(4):
        playing.sit(seat)
    playing.advance(7)
    return playing


def played(outcome: Outcome[Any] | Refusal) -> Outcome[Any]:
    assert isinstance(outcome, Outcome), outcome
    return outcome


def first(playing: Playing) -> list[Event]:
    """The seat to act makes its first legal move."""
    seat = playing.to_act[0]
    [entry] = playing.legal(seat)
    argument = "cards" if entry["move"] == "pass" else "card"
    outcome = played(playing.act(seat, entry["move"], **{argument: entry[argument]["choices"][0]}))
    return list(outcome.events)


def to_the_end(playing: Playing) -> list[Event]:
    events: list[Event] = []
    while playing.to_act:
        events += first(playing)
    return events


def kinds(events: Any) -> list[str]:
    return [event.kind for event in events]


def one(events: Any, kind: str) -> dict[str, Any]:
    [event] = [event for event in events if event.kind == kind]
    return dict(event.fields)


def test_it_begins_with_four() -> None:
    playing = Playing(Hearts)
    for seat in (0, 1, 3):
        playing.sit(seat)
    assert isinstance(playing.advance(), Refusal)
    playing.sit(2)
    [event] = played(playing.advance()).events
    assert event.fields == {"number": 1, "pass": "left"}
    assert sorted(card for seat in range(4) for card in event.private[SeatIndex(seat)]["cards"]) == sorted(DECK)
    assert playing.to_act == [0, 1, 2, 3]


@pytest.mark.parametrize(("hand", "step"), [(1, 1), (2, 3), (3, 2)])
def test_three_cards_are_passed_at_once_and_in_secret(hand: int, step: int) -> None:
    playing = hearts()
    for _ in range(hand - 1):
        to_the_end(playing)
        playing.advance(3)
    before = {seat: playing.state.cards_of(seat) for seat in range(4)}
    for seat in (2, 0, 3):
        [event] = played(playing.act(seat, "pass", cards="".join(before[seat][:3]))).events
        assert event.fields == {"seat_index": seat, "move": "pass"}
        assert event.private == {seat: {"cards": before[seat][:3]}}
        assert playing.state.cards_of(seat) == before[seat], "nothing has gone yet"
    assert playing.to_act == [1]
    last = played(playing.act(1, "pass", cards="".join(before[1][:3])))
    assert kinds(last.events) == ["player_action", "cards_passed"]
    for seat in range(4):
        giver = (seat - step) % 4
        assert last.events[1].private[SeatIndex(seat)] == {"received": before[giver][:3]}
        assert playing.state.cards_of(seat) == split(sorted_hand([*before[seat][3:], *before[giver][:3]]))
    assert last.new_turn
    assert playing.legal(playing.to_act[0])[0]["card"]["choices"] == ["2c"]


def test_every_fourth_hand_nothing_is_passed() -> None:
    playing = hearts()
    for _ in range(3):
        to_the_end(playing)
        playing.advance(3)
    assert (playing.state.direction, playing.state.phase) == ("none", "playing")


def test_a_pass_is_three_cards_of_the_hand() -> None:
    playing = hearts()
    mine = playing.state.cards_of(0)
    elsewhere = playing.state.cards_of(1)
    for cards in ("".join(mine[:2]), "".join(mine[:4]), "".join(mine[:2] + elsewhere[:1]), mine[0] * 3, mine[:3], None):
        assert isinstance(playing.act(0, "pass", cards=cards), Refusal), cards
    assert isinstance(playing.act(0, "play", card=mine[0]), Refusal)


@pytest.mark.parametrize(
    ("hand", "trick", "broken", "may"),
    [
        ("2c5cAh", "", False, "2c5c"),
        ("2c5cAh", "", True, "2c5cAh"),
        ("3hAh", "", False, "3hAh"),
        ("2c5cAh", "Kc", False, "2c5c"),
        ("5dQsAh", "Kc", False, "5dQsAh"),
        ("2c3c4c5c6c7c8c9cTcJcQcKcAc", "", False, "2c"),
        ("3d4d5d6d7d8d9dTdJdQdKdQsAh", "2c", False, "3d4d5d6d7d8d9dTdJdQdKd"),
        ("Qs2h3h4h5h6h7h8h9hThJhQhKh", "2c", False, "Qs2h3h4h5h6h7h8h9hThJhQhKh"),
    ],
)
def test_cards_that_may_be_played(hand: str, trick: str, broken: bool, may: str) -> None:
    assert playable(split(hand), split(trick), broken) == split(may)


def test_the_highest_of_the_suit_that_was_led_takes_the_trick() -> None:
    assert winner(["5d", "Td", "As", "Ah"]) == 1
    assert sum(map(worth, DECK)) == 26


def almost(hands: tuple[str, str, str, str], **changes: Any) -> Playing:
    """The last trick is about to be led by seat 0."""
    playing = hearts()
    players = tuple(
        HeartsPlayer(SeatIndex(seat), hand, *changes.get("taken", {}).get(seat, ())) for seat, hand in enumerate(hands)
    )
    points = changes.get("points", (0, 0, 0, 0))
    playing.state = HeartsState("playing", 1, 1, points, players, Trick(SeatIndex(0)), None, True)
    return playing


def test_whoever_takes_a_trick_has_its_points() -> None:
    playing = almost(("Ks", "Qs", "2h", "3h"), taken={2: (11,)})
    events = to_the_end(playing)
    assert one(events, "trick_taken") == {"winner": 0, "cards": ["Ks", "Qs", "2h", "3h"], "points": 15}
    assert one(events, "hand_complete") == {"number": 1, "scores": [15, 0, 11, 0], "points": [15, 0, 11, 0]}
    assert playing.state.phase == "waiting"


def test_to_take_all_costs_the_others() -> None:
    playing = almost(("Ks", "Qs", "2h", "3h"), taken={0: (11,)}, points=(1, 2, 3, 4))
    events = to_the_end(playing)
    told = {"number": 1, "scores": [0, 26, 26, 26], "points": [1, 28, 29, 30], "shot_the_moon": 0}
    assert one(events, "hand_complete") == told


def test_the_fewest_points_win_when_somebody_has_too_many() -> None:
    playing = almost(("Ks", "Qs", "2h", "3h"), taken={2: (11,)}, points=(90, 40, 29, 60))
    events = to_the_end(playing)
    assert one(events, "game_complete") == {"winners": [1, 2], "points": [105, 40, 40, 60]}
    assert GAME.public(playing.state, playing.options)["points"] == [105, 40, 40, 60]
    played(playing.advance(1))
    assert playing.state.points == (0, 0, 0, 0)
    assert (playing.state.number, playing.state.hand) == (2, 1)


def test_a_game_of_so_many_hands() -> None:
    playing = hearts(hands=2, points=10)
    assert "game_complete" not in kinds(to_the_end(playing))
    playing.advance(3)
    assert "game_complete" in kinds(to_the_end(playing))


def test_who_leaves_is_played_for_and_goes_when_the_hand_is_over() -> None:
    playing = hearts()
    events = list(played(playing.stand(1)).events)
    assert events[0].fields == {"seat_index": 1}
    assert events[1].fields == {"seat_index": 1, "move": "pass", "automatic": True}
    assert playing.to_act == [0, 2, 3]
    assert isinstance(playing.stand(1), Refusal)
    outcome: Outcome[Any] | None = None
    while playing.to_act:
        seat = playing.to_act[0]
        assert seat != 1
        outcome = played(playing.play(seat, GAME.timeout_move(playing.state, playing.options, seat)))
    assert outcome is not None
    assert outcome.vacated == (1,)
    assert isinstance(playing.advance(), Refusal)
    points = playing.state.points
    played(playing.sit(1))
    played(playing.advance(2))
    assert (playing.state.points, playing.state.hand) == (points, 2), "the game goes on with another player"


def test_when_all_have_left_the_table_begins_anew() -> None:
    playing = hearts()
    for seat in (0, 1, 2):
        played(playing.stand(seat))
    last = played(playing.stand(3))
    assert last.vacated == (0, 1, 2, 3)
    assert last.result is not None
    assert playing.state == HeartsState(number=1)


def test_between_hands_one_leaves_at_once_and_the_last_ends_the_game() -> None:
    playing = hearts()
    to_the_end(playing)
    for seat in (3, 1, 0):
        left = played(playing.stand(seat))
        assert (left.vacated, left.result) == ((seat,), None)
    last = played(playing.stand(2))
    assert last.result is not None
    assert playing.state == HeartsState(number=1)


def test_a_hand_that_is_called_off_leaves_the_points() -> None:
    playing = almost(("Ks", "Qs", "2h", "3h"), points=(1, 2, 3, 4))
    off = played(GAME.void(playing.state, playing.options, [SeatIndex(0), SeatIndex(2)]))
    assert off.state == HeartsState(
        "waiting", 1, 0, (1, 2, 3, 4), (HeartsPlayer(SeatIndex(0)), HeartsPlayer(SeatIndex(2)))
    )


def test_a_time_out_plays_something_legal() -> None:
    playing = hearts()
    while playing.to_act:
        playing.time_out(playing.to_act[-1])
    assert playing.state.phase == "waiting"


def test_random_games_lose_no_card_and_no_point() -> None:
    """Cards are conserved, suit is followed, each hand has 26 points (or 78), and nobody is shown another's cards."""
    chance = random.Random(11)
    playing = hearts(points=500)
    for hand in range(40):
        gone, events = list[str](), list[Event]()
        while playing.to_act:
            state = playing.state
            held = {seat: state.cards_of(seat) for seat in range(4)}
            assert sorted([*chain(*held.values()), *gone]) == sorted(DECK)
            seat = chance.choice(list(playing.to_act))
            [entry] = playing.legal(seat)
            shown = json.dumps(playing.seen_by(SeatIndex((seat + 1) % 4)))
            assert not [card for card in held[seat] if f'"{card}"' in shown]
            if entry["move"] == "pass":
                assert len(entry["cards"]["choices"]) == 286
                playing.act(seat, "pass", cards=chance.choice(entry["cards"]["choices"]))
                continue
            led = state.trick.cards[1:2]
            following = [card for card in held[seat] if card[1] == led]
            assert entry["card"]["choices"] == following or not following
            card = chance.choice(entry["card"]["choices"])
            events += played(playing.act(seat, "play", card=card)).events
            gone.append(card)
        told = one(events, "hand_complete")
        assert sum(told["scores"]) == (78 if "shot_the_moon" in told else 26)
        assert kinds(events).count("trick_taken") == 13
        playing.advance(hand)


def hand_of_bots(names: tuple[str, ...], number: int) -> list[int]:
    """The points of a hand that bots play, one without passing every other time."""
    playing = hearts(hands=1) if number % 2 else hearts(hands=100)
    playing.state = replace(playing.state, phase="waiting", hand=0 if number % 2 else 3)
    playing.state = replace(playing.state, players=tuple(HeartsPlayer(each.seat) for each in playing.state.players))
    playing.advance(number)
    before, events, moves = playing.state.points, list[Event](), 0
    while playing.to_act:
        seat = playing.to_act[0]
        shown = playing.seen_by(seat)
        view = {"game": shown["public"], "me": {**shown["own"], "legal": shown["legal"]}}
        moves += 1
        move = GAME.bot(names[seat], view, Entropy(number.to_bytes(16, "big") + moves.to_bytes(16, "big")))
        events += played(playing.play(seat, move)).events
    return [after - had for after, had in zip(one(events, "hand_complete")["points"], before, strict=True)]


def test_the_cautious_bot_has_fewer_points_than_chance() -> None:
    mine, theirs = list[int](), list[int]()
    for number in range(60):
        names = ("cautious", "random", "cautious", "random")
        points = hand_of_bots(names if number % 4 < 2 else names[::-1], number)
        for name, taken in zip(names if number % 4 < 2 else names[::-1], points, strict=True):
            (mine if name == "cautious" else theirs).append(taken)
    print(f"points a hand: cautious {fmean(mine):.1f}, random {fmean(theirs):.1f}")
    assert fmean(mine) < fmean(theirs) / 2


def view(hand: str, legal: str, trick: str = "") -> dict[str, Any]:
    shown = [{"seat_index": at, "card": card} for at, card in enumerate(split(trick))]
    entry = {"move": "play", "card": {"choices": split(legal)}}
    return {"me": {"hand": split(hand), "legal": [entry]}, "game": {"trick": shown}}


@pytest.mark.parametrize(
    ("hand", "legal", "trick", "plays"),
    [
        ("3c9cKcAh", "3c9cKc", "Tc", "9c"),
        ("QcKcAh", "QcKc", "Tc", "Qc"),
        ("QcKcAh", "QcKc", "Tc3c4c", "Kc"),
        ("3sQsAh", "3sQs", "Ks", "Qs"),
        ("QsAs", "QsAs", "Ks", "Qs"),
        ("QsAs", "QsAs", "3s", "As"),
        ("2dQsAh", "2dQsAh", "Tc", "Qs"),
        ("2dAdAh", "2dAdAh", "Tc", "Ah"),
        ("3s9sAd", "3s9sAd", "", "9s"),
        ("2sQsAd", "2sQsAd", "", "2s"),
    ],
)
def test_the_cautious_bot_ducks_and_unloads(hand: str, legal: str, trick: str, plays: str) -> None:
    assert cautious(view(hand, legal, trick)) == Move("play", {"card": plays})


def test_it_passes_the_queen_and_high_hearts() -> None:
    hand = "2c3c4c9c2d3dKdQsKs2h9hKhAh"
    threes = {"move": "pass", "cards": {"choices": []}}
    given = cautious({"me": {"hand": split(hand), "legal": [threes]}, "game": {"trick": []}})
    assert given == Move("pass", {"cards": "QsKhAh"})
