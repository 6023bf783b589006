"""Our own games keep every promise of `Game`: as `tavola check` tries them, and as Hypothesis does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.example_counts import examples
from kit.planted import HighCard
from tavola.games.auction.game import Auction
from tavola.games.base import Game
from tavola.games.chess.game import Chess
from tavola.games.hearts.game import Hearts
from tavola.games.holdem.game import Holdem
from tavola.games.tictactoe import TicTacToe
from tavola.testing import check
from tavola.testing.run import examine
from tavola.testing.strategies import scripts
from tavola.testing.walk import GameScript


@pytest.mark.parametrize(("game", "games"), [(TicTacToe, 100), (Auction, 20), (Hearts, 10), (Holdem, 20), (Chess, 3)])
def test_a_game_of_ours_keeps_its_promises(game: type[Game[Any, Any]], games: int) -> None:
    assert check(game, games=games, seed=7).games == games


def test_a_trial_ends_after_its_time() -> None:
    report = examine("tavola.games.tictactoe:TicTacToe", seconds=0.0)
    assert (report.games, report.found) == (1, "")


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("game", [TicTacToe, Auction, Hearts, Holdem, Chess])
def test_a_game_of_ours_keeps_its_promises_for_long(game: type[Game[Any, Any]]) -> None:
    assert check(game, games=2000).games == 2000


@examples(30)
@given(st.data())
def test_scripts_of_hypothesis_are_games(data: st.DataObject) -> None:
    for game in (TicTacToe, HighCard):
        script: GameScript = data.draw(scripts(game, most=20))
        playing = script.play(game())
        playing.check()
        assert len(playing.seated) <= 2
