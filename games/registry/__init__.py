"""The games of this process, by kind: those that come with Tavola, and those from outside. They are loaded when one is
first asked for, unless a process takes them at its root. Imports `games`, `games.auction`, `games.chess`,
`games.hearts`, `games.holdem` and `config`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any

from tavola.games.base import Game

AnyGame = Game[Any, Any]


@cache
def shipped() -> tuple[AnyGame, ...]:
    """The games that come with Tavola. One that is listed here can be played: nothing else needs to know of it."""
    from tavola.games.auction.game import Auction
    from tavola.games.hearts.game import Hearts
    from tavola.games.holdem.game import Holdem
    from tavola.games.tictactoe import TicTacToe

    if find_spec("chess") is None:  # `pip install "tavola[chess]"`: it is under another licence than Tavola.
        return Holdem(), TicTacToe(), Auction(), Hearts()
    from tavola.games.chess.game import Chess

    return Holdem(), TicTacToe(), Auction(), Hearts(), Chess()


class _GamesInUse(dict[str, AnyGame]):
    """The games in use. To look one up that is there costs what it costs in any dict."""

    def __init__(self) -> None:
        self._load: Callable[[], object] | None = lambda: use(shipped())

    def take(self, games: Iterable[AnyGame]) -> None:
        """These and no others."""
        found = {game.kind: game for game in games}
        super().update(found)
        for kind in [*super().keys()]:
            if kind not in found:
                del self[kind]
        self._load = None

    def all(self) -> _GamesInUse:
        """With all that there are. Raises as `load` does, again at each time."""
        if self._load is not None:
            self._load()
        return self

    def __missing__(self, kind: str) -> AnyGame:
        if self._load is None:
            raise KeyError(kind)
        return self.all()[kind]

    def __contains__(self, kind: object) -> bool:
        return super(_GamesInUse, self.all()).__contains__(kind)

    def __iter__(self) -> Iterator[str]:
        return super(_GamesInUse, self.all()).__iter__()

    def __len__(self) -> int:
        return super(_GamesInUse, self.all()).__len__()

    def get(self, kind: str, default: Any = None) -> Any:
        return super(_GamesInUse, self.all()).get(kind, default)

    def keys(self) -> Any:
        return super(_GamesInUse, self.all()).keys()

    def values(self) -> Any:
        return super(_GamesInUse, self.all()).values()

    def items(self) -> Any:
        return super(_GamesInUse, self.all()).items()


_in_use = _GamesInUse()
GAMES: Mapping[str, AnyGame] = MappingProxyType(_in_use)
"""kind → the game. Nobody writes to it but `use`."""


def use(games: Iterable[AnyGame]) -> None:
    """From now on these are the games, and no others. For the root of a process (`discovery.install`)."""
    _in_use.take(games)
