"""Moves whose arguments depend on each other, as `legal` offers them: to bots, and to what checks a game."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from kit.heaps import (
    Heaps,
    KeepsOneMoveBack,
    ListsWholeMoves,
    OffersTooFewWithoutAHeap,
    OffersWhatDoesNotGoTogether,
    SaysItIsInexact,
)
from tavola.games.base import Entropy, Move, Outcome, random_move, takes
from tavola.load.bots.moves import choose
from tavola.testing import Playing, check
from tavola.testing.findings import BrokenPromise, Promise
from tavola.testing.moves import offered, unoffered

WAYS: tuple[Any, ...] = (Heaps, ListsWholeMoves, SaysItIsInexact)
ALL = {(0, 1), (1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (2, 4), (2, 5)}


def begun(game: Any) -> Playing:
    playing = Playing(game)
    playing.sit(0)
    playing.sit(1)
    playing.advance()
    return playing


def entropy(number: int) -> Entropy:
    return Entropy(Random(number).randbytes(32))


@pytest.mark.parametrize("game", WAYS)
def test_each_way_of_saying_it_keeps_the_promises(game: Any) -> None:
    check(game, games=40)


@pytest.mark.parametrize(
    ("game", "promise"),
    [
        (OffersWhatDoesNotGoTogether, Promise.OFFERED_REFUSED),
        (KeepsOneMoveBack, Promise.UNOFFERED_ACCEPTED),
        (OffersTooFewWithoutAHeap, Promise.UNOFFERED_ACCEPTED),
    ],
)
def test_a_wrong_way_is_found(game: Any, promise: Promise) -> None:
    with pytest.raises(BrokenPromise) as broken:
        check(game, games=40)
    assert broken.value.found == promise


def test_whole_moves_are_all_that_play() -> None:
    playing = begun(ListsWholeMoves)
    moves = {(move.arguments["heap"], move.arguments["stones"]) for move in offered(playing.legal(playing.turn or 0))}
    assert moves == ALL


def test_moves_that_are_not_offered_are_none_of_those_that_are() -> None:
    legal: list[dict[str, Any]] = [
        *({"move": "go", "from": a, "to": b} for a in "abcdefgh" for b in "12345678"),
        {"move": "take", "heap": 1, "stones": {"min": 1, "max": 3}},
        {"move": "say", "yes": True},
    ]
    tried = unoffered({"go": ("from", "to"), "take": ("heap", "stones"), "say": ("yes",)}, legal)
    assert not [move for move in tried for entry in legal if entry["move"] == move.name and takes(entry, move)]
    assert {type(move.arguments["yes"]) for move in tried if move.name == "say" and move.arguments} >= {int, str}
    assert {move.name for move in tried} == {"no such move", "go", "take", "say"}


@pytest.mark.parametrize("game", [Heaps, ListsWholeMoves])
def test_bots_choose_moves_that_play(game: Any) -> None:
    playing = begun(game)
    seat = playing.turn or 0
    legal = playing.legal(seat)
    drawn = [random_move(legal, entropy(number)) for number in range(60)]
    chosen = [choose(Random(number), legal) for number in range(60)]
    drawn += [Move(each.pop("move"), each) for each in chosen]
    for move in drawn:
        assert isinstance(playing.at(playing.state).play(seat, move), Outcome), move
    assert len({(move.arguments["heap"], move.arguments["stones"]) for move in drawn}) > 5


def test_a_bot_takes_what_is_legal_for_sure_if_there_is_such() -> None:
    legal: list[dict[str, Any]] = [{"move": "order", "text": {"choices": ["a", "b"]}, "exact": False}, {"move": "pass"}]
    assert {random_move(legal, entropy(number)).name for number in range(20)} == {"pass"}
    assert {choose(Random(number), legal)["move"] for number in range(20)} == {"pass"}
    only = random_move(legal[:1], entropy(1))
    assert (only.name, [*only.arguments]) == ("order", ["text"])
    assert choose(Random(1), legal[:1]).keys() == {"move", "text"}


def test_an_argument_may_be_called_exact() -> None:
    legal = [{"move": "guess", "exact": {"choices": [7]}}]
    assert random_move(legal, entropy(1)) == Move("guess", {"exact": 7})
    assert choose(Random(1), legal) == {"move": "guess", "exact": 7}
    assert offered(legal) == [Move("guess", {"exact": 7})]
