"""The order that is given to the process in which a game is tried, and the lines in which it tells of it."""

from __future__ import annotations

import msgspec


class TrialOrder(msgspec.Struct, frozen=True):
    """The games that shall be tried. `only`: this one alone, and the digest after each of its steps is told."""

    game: str
    games: int
    seed: int
    state_limit: int
    path: tuple[str, ...] = ()
    only: int | None = None


class TriedGames(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line. `digest` is of all that the game answered in that game."""

    games: int = 0
    states: int = 0
    digest: str = ""
    found: str = ""
    told: str = ""
    test: str = ""
    failed: str = ""
