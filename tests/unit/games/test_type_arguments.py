"""The types of a game's options and state, from the arguments of its class."""

from __future__ import annotations

import types as types_module
from typing import Any, TypeVar

import msgspec
import pytest

from tavola.games.base import Game
from tavola.games.holdem.game import Holdem
from tavola.games.holdem.state import HoldemOptions, HoldemTable
from tavola.games.tictactoe import TicTacToe, TicTacToeOptions, TicTacToeState


class Coins(msgspec.Struct, frozen=True):
    number: int = 0


class CoinOptions(msgspec.Struct, frozen=True):
    most: int = 9


class OtherCoins(Coins, frozen=True):
    more: int = 0


T = TypeVar("T", bound=Coins)


class Between(Game[T, CoinOptions]):
    """A helper of some games: it is none, and its state is not known yet."""


class AnyState(Game[Any, CoinOptions]):
    """A helper that leaves its state open."""


def types(game: Any) -> tuple[Any, Any]:
    return game.state_type, game.options_type


def test_the_games_that_are_there() -> None:
    assert types(TicTacToe) == (TicTacToeState, TicTacToeOptions)
    assert types(Holdem) == (HoldemTable, HoldemOptions)


def test_they_are_the_arguments_of_the_class() -> None:
    class Simple(Game[Coins, CoinOptions]):
        kind = "simple"

    class Later(Simple):
        kind = "later"

    class OnceMore(Between[OtherCoins]):
        kind = "once_more"

    assert types(Simple) == types(Later) == (Coins, CoinOptions)
    assert types(OnceMore) == (OtherCoins, CoinOptions)
    assert not hasattr(Between, "state_type")


def test_lines_that_say_them_count_more() -> None:
    class Said(Game[Any, Any]):
        kind, options_type, state_type = "said", CoinOptions, Coins

    class Other(Game[Coins, CoinOptions]):
        kind, state_type = "other", OtherCoins

    class Third(Said):
        state_type = OtherCoins

    assert types(Said) == (Coins, CoinOptions)
    assert types(Other) == types(Third) == (OtherCoins, CoinOptions)


def test_a_game_that_says_neither_is_told_so_when_its_class_is_made() -> None:
    with pytest.raises(TypeError, match=r"Nothing does not say its state_type: .*Nothing\(Game\[State, Options\]"):

        class Nothing(Game):  # type: ignore[type-arg]
            kind = "nothing"


@pytest.mark.parametrize(("base", "part"), [(Game[Coins, Any], "options_type"), (AnyState, "state_type")])
def test_it_is_told_which_is_missing(base: Any, part: str) -> None:
    with pytest.raises(TypeError, match=f"Half does not say its {part}"):
        types_module.new_class("Half", (base,), exec_body=lambda body: body.update(kind="half"))
