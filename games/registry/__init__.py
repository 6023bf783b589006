"""The games of this process, by kind: those that come with Tavola, and those from outside, which a process takes once,
at its root. Imports `games`, `games.auction`, `games.chess`, `games.holdem` and `config`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

from tavola.games.auction.game import Auction
from tavola.games.base import Game
from tavola.games.holdem.game import Holdem
from tavola.games.tictactoe import TicTacToe

AnyGame = Game[Any, Any]


def _shipped() -> Iterator[AnyGame]:
    yield Holdem()
    yield TicTacToe()
    yield Auction()
    if find_spec("chess") is not None:  # `pip install "tavola[chess]"`: it is under another licence than Tavola.
        from tavola.games.chess.game import Chess

        yield Chess()


SHIPPED: tuple[AnyGame, ...] = tuple(_shipped())
"""The games that come with Tavola. One that is listed here can be played: nothing else needs to know of it."""

_in_use: dict[str, AnyGame] = {game.kind: game for game in SHIPPED}
GAMES: Mapping[str, AnyGame] = MappingProxyType(_in_use)
"""kind → the game. Nobody writes to it but `use`."""


def use(games: Iterable[AnyGame]) -> None:
    """From now on these are the games, and no others. For the root of a process (`discovery.install`)."""
    found = {game.kind: game for game in games}
    _in_use.clear()
    _in_use.update(found)
