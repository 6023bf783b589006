"""Noughts and crosses by any clock: what the rules of time do, with no rules of a game's in the way."""

from __future__ import annotations

from typing import Any, ClassVar

from tavola.games.base import Fischer
from tavola.games.tictactoe import TicTacToe, TicTacToeOptions


class Timed(TicTacToe):
    """`rule` is the clock of all its rooms, from the next turn on."""

    kind = "timed"
    rule: ClassVar[Any] = Fischer(base_ms=60_000, increment_ms=2_000)

    def clock(self, options: TicTacToeOptions) -> Any:
        return self.rule
