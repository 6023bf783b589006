"""A table of a game that can also be checked."""

from __future__ import annotations

from typing import Any

from tavola.testing.checks import STATE_LIMIT, Some, check, everything
from tavola.testing.game_table import GameTable


class Playing(GameTable):
    """A game at one table, played step by step in a test."""

    def check(self, *, state_limit: int = STATE_LIMIT, some: Some[Any] = everything) -> None:
        """All that can be checked of the game as it stands. Raises `BrokenPromise`."""
        check(self, state_limit=state_limit, some=some)
