"""Capabilities that a game opts into, as a further base of its class: to give up, to agree on a draw, to take a move
back by agreement. The room has the offers: who made one, who has agreed, and when it is over. The game says what comes
of it. All are for players who are in a round that runs; like the rest of a game's methods they are pure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from typing import Any, Generic, Literal, TypeVar

import msgspec

from tavola.games.base import Game, Outcome, Refusal, SeatIndex

S = TypeVar("S", bound=msgspec.Struct)
O = TypeVar("O", bound=msgspec.Struct)

Agreement = Literal["draw", "undo"]
"""The things that players agree on."""
OfferKind = Literal["resign", "draw", "undo"]


class Resigning(ABC, Generic[S, O]):
    """A player may give up at any time in a round, also when it is not their turn."""

    @abstractmethod
    def resign(self, state: S, options: O, seat: SeatIndex) -> Outcome[S] | Refusal:
        """The player in `seat` gives up. The room tells of it."""


class AgreedDraws(ABC, Generic[S, O]):
    """A draw may be offered: it is one when all others who play have agreed."""

    @abstractmethod
    def draw(self, state: S, options: O) -> Outcome[S] | Refusal:
        """All have agreed: the round ends without a winner. The room tells of the agreement."""


class TakeBacks(ABC, Generic[S, O]):
    """A player may ask to take their last move back, with all that came after it. For games that hide nothing
    (`open_information`): elsewhere somebody has learned by now what they did not know then."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if hasattr(cls, "kind") and not getattr(cls, "open_information", False):
            raise TypeError(f"{cls.__qualname__} hides something: what was seen is not to be taken back")

    @abstractmethod
    def take_back(self, state: S, options: O, seat: SeatIndex) -> Outcome[S] | Refusal:
        """The state as it was before the last move of the player in `seat` in this round, with the turn given anew. A
        state that does not know the way there needs a field for it. Refused where there is nothing to take back: it is
        asked before the others are, and once more when they have agreed."""


@cache
def offered_by(game: type[Game[Any, Any]]) -> tuple[OfferKind, ...]:
    """The capabilities that games of this class have."""
    has: dict[OfferKind, type] = {"resign": Resigning, "draw": AgreedDraws, "undo": TakeBacks}
    return tuple(kind for kind, capability in has.items() if issubclass(game, capability))
