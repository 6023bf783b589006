"""The games there are. A game that is listed here can be played: nothing else needs to know of it. Imports `games` and
`games.holdem`."""

from __future__ import annotations

from typing import Any

from tavola.games.base import Game
from tavola.games.holdem.game import Holdem
from tavola.games.tictactoe import TicTacToe

GAMES: dict[str, Game[Any, Any]] = {game.kind: game for game in (Holdem(), TicTacToe())}
"""kind → the game."""
