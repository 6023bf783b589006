"""Random games for Hypothesis, which shrinks them by itself: `@given(scripts(Nim))`. It needs `hypothesis`."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st

from tavola.testing.game_table import AnyGame
from tavola.testing.walk import RANGE, GameScript, some_options, walked


def scripts(game: type[AnyGame], most: int = 60) -> st.SearchStrategy[GameScript]:
    """Scripts of games of a class, of up to so many steps, with options that a host may choose: `script.play(Nim())`
    is the table afterwards."""
    made = game()

    def script(seed: int, numbers: list[int]) -> GameScript:
        return walked(made, some_options(made, Random(seed)) if seed else {}, numbers)

    return st.builds(script, st.integers(0, 999), st.lists(st.integers(0, RANGE - 1), max_size=most))
