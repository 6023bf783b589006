"""Other games in this process, for as long as a test needs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tavola.games.registry import GAMES, AnyGame, use


@contextmanager
def having(*games: AnyGame) -> Iterator[None]:
    """These too, in place of others of their kinds."""
    before = dict(GAMES)
    use({**before, **{game.kind: game for game in games}}.values())
    try:
        yield
    finally:
        use(before.values())
