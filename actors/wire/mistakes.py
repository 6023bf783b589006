"""A game's mistakes, told as soon as they are made: where in the game, in which room, at which number, and nothing that
the error says of itself, for that may be cards."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from typing import Literal

import structlog

from tavola.actors.wire.messages import Refusal
from tavola.games.base import Refused

log = structlog.get_logger()

AGAIN_S = 10.0
"""The same mistake is told once in so long: a player may be able to make it a hundred times a second."""
PLACES = 1_000
"""How many are told apart."""
GAME_ERROR = Refusal("game_error", "The game has made a mistake, and nothing was changed.")

Doing = Literal["open", "decide", "show", "store", "set a clock"]


class Mistakes:
    """One process's. `tell` logs `game.failed`, or `game.refused` where the game refuses what it asked for itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` in seconds."""
        self._clock = clock
        self._told: dict[tuple[object, ...], tuple[float, int]] = {}
        """By place: when it was told, and how often it has been made since."""

    def tell(self, error: Exception | Refused, doing: Doing, game: str, **about: object) -> None:
        """`about`: the room, its seq before what failed, the id of the command that was being decided."""
        place = (game, doing, *_place(error))
        told_at, since = self._told.get(place, (-AGAIN_S, 0))
        now = self._clock()
        if now < told_at + AGAIN_S:
            self._told[place] = (told_at, since + 1)
            return
        if len(self._told) >= PLACES:
            self._told.clear()
        self._told[place] = (now, 0)
        about |= {"game": game, "doing": doing, "untold": since}
        if isinstance(error, Refused):
            log.error("game.refused", code=error.code, **about)
        else:
            log.error("game.failed", error=type(error).__qualname__, **about, exc_info=error)


def _place(error: Exception | Refused) -> tuple[object, ...]:
    if isinstance(error, Refused):
        return (error.code,)
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    return (type(error), *((frame.filename, frame.lineno) for frame in frames))
