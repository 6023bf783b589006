"""The files of games' own pages: found in the folder that a game names, beside its module."""

from __future__ import annotations

from inspect import getfile
from pathlib import Path

from tavola.games.registry import SHIPPED, AnyGame

MODULE = "page.js"
"""The module that registers the game's page."""


def page_folder(game: AnyGame) -> Path | None:
    """The folder of the game's page, beside the module of the class that names it; None for a game that has none."""
    if not game.page:
        return None
    named = next(cls for cls in type(game).__mro__ if "page" in cls.__dict__)
    return Path(getfile(named)).parent / game.page


def is_shipped(kind: str) -> bool:
    """Whether the game of that kind came with Tavola."""
    return any(game.kind == kind for game in SHIPPED)
