"""For authors of games: a game played without servers, by hand in a test (`Playing`), at random with every promise of
the contract checked (`check`, and `tavola check`), and by Hypothesis (`tavola.testing.strategies`). Imports `games`,
`games.registry` and `config`."""

from tavola.testing.findings import BrokenPromise
from tavola.testing.playing import Playing
from tavola.testing.run import check

__all__ = ["BrokenPromise", "Playing", "check"]
