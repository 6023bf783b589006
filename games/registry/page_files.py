"""The files of games' own pages: found in the folder that a game names, beside its module."""

from __future__ import annotations

from inspect import getfile
from pathlib import Path

from tavola.games.registry import SHIPPED, AnyGame

MODULE = "page.js"
"""The module that registers the game's page."""


def page_folder(game: AnyGame) -> Path | None:
    """The folder of the game's page; None for a game that has none."""
    return Path(getfile(type(game))).parent / game.page if game.page else None


def is_shipped(kind: str) -> bool:
    """Whether the game of that kind came with Tavola."""
    return any(game.kind == kind for game in SHIPPED)
