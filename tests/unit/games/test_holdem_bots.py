"""Hold'em's bots: legal in every spot, better than chance, and as they are called."""

from __future__ import annotations

from typing import Any

import measure_bots
import pytest

from tavola.games.base import Entropy, Move, random_move
from tavola.games.cards import stream
from tavola.games.holdem.bots import STYLES, choose, strength
from tavola.games.holdem.game import Holdem
from tavola.games.tictactoe import TicTacToe


def chance(number: int) -> Entropy:
    return Entropy(number.to_bytes(32, "big"))


def spot(cards: list[str], *, bet: int = 0, chips: int = 1000, pot: int = 30, board: list[str] | None = None) -> Any:
    """Two are left; the other has bet `bet` into a pot of `pot`."""
    legal: list[dict[str, Any]] = [{"move": "fold"}, {"move": "call" if bet else "check"}]
    legal += [{"move": "raise" if bet else "bet", "amount": {"min": 2 * bet or 10, "max": chips}}, {"move": "all_in"}]
    hand = {"pots": [{"amount": pot, "seats": [0, 1]}], "current_bet": bet, "board": board or []}
    seats = {"0": {"bet": 0, "chips": chips, "in_hand": True}, "1": {"bet": bet, "chips": 1000, "in_hand": True}}
    return {"me": {"seat_index": 0, "hole_cards": cards, "legal": legal}, "game": {"hand": hand}, "seats": seats}


@pytest.mark.parametrize(
    ("cards", "board", "least", "most"),
    [
        (["Ah", "Ad"], [], 0.75, 0.95),
        (["7h", "2d"], [], 0.25, 0.45),
        (["Ah", "Kh"], ["Qh", "Jh", "Th"], 1.0, 1.0),
        (["2c", "3d"], ["Ah", "Kh", "Qh", "Jh", "Th"], 0.5, 0.5),
    ],
)
def test_strength_is_the_share_that_is_won(cards: list[str], board: list[str], least: float, most: float) -> None:
    found = strength(cards, board, 1, stream(chance(1), b"test"), 200)
    assert least <= found <= most


@pytest.mark.parametrize("name", STYLES)
def test_they_know_a_good_hand_from_a_bad_one(name: str) -> None:
    board = ["Qh", "Jh", "Th", "2c"]
    moves = {choose(name, spot(["Ah", "Kh"], bet=50, board=board), chance(n)).name for n in range(20)}
    assert moves == {"raise"}
    folds = {choose(name, spot(["4d", "3s"], bet=200, board=board), chance(n)).name for n in range(20)}
    assert folds == {"fold"}


def test_the_tight_one_folds_what_the_loose_one_plays() -> None:
    in_hand = {name: 0 for name in STYLES}
    for number in range(60):
        for name in STYLES:
            in_hand[name] += choose(name, spot(["Jh", "6d"], bet=20, pot=15), chance(number)).name != "fold"
    assert in_hand["loose"] > in_hand["tight"] + 20


@pytest.mark.parametrize("table", [("tight", "loose"), ("tight", "loose", "random", "random")])
def test_every_move_of_theirs_is_legal(table: tuple[str, ...]) -> None:
    """`hand` fails at a move that is refused."""
    for number in range(25):
        assert sum(measure_bots.hand(table, number)) == 0


@pytest.mark.parametrize("name", STYLES)
def test_they_win_from_chance(name: str) -> None:
    won = sum(measure_bots.hand((name, "random"), number)[0] for number in range(60))
    assert won > 0


def test_a_view_and_the_same_chance_give_the_same_move() -> None:
    view = spot(["9h", "9d"], bet=20)
    assert choose("tight", view, chance(5)) == choose("tight", view, chance(5))


def test_without_bots_of_its_own_a_game_has_a_random_one() -> None:
    assert TicTacToe.bots == ("random",)
    assert Holdem.bots == ("tight", "loose", "random")
    view = {"me": {"legal": [{"move": "mark", "cell": {"choices": [3, 5]}}]}}
    made = {TicTacToe().bot("random", view, chance(n)).arguments["cell"] for n in range(10)}
    assert made == {3, 5}


def test_a_random_move_is_one_that_is_offered() -> None:
    legal: list[dict[str, Any]] = [{"move": "fold"}, {"move": "raise", "amount": {"min": 20, "max": 22}}]
    made = set()
    for number in range(60):
        move = random_move(legal, chance(number))
        assert move == Move("fold") or (move.name == "raise" and 20 <= move.arguments["amount"] <= 22)
        made.add((move.name, *move.arguments.values()))
    assert made == {("fold",), ("raise", 20), ("raise", 21), ("raise", 22)}
