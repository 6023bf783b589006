"""The capability of a game that is played for chips: players bring them to the table, add to them between rounds, and
take away what they have. It is named before `Game` among the bases of the game's class:

    class Holdem(Stakes[HoldemTable, HoldemOptions], Game[HoldemTable, HoldemOptions]):

A game without it knows no chips: what somebody asks to bring to its tables is passed over, and to add some is refused.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import Any, Generic, TypeVar, cast

import msgspec

from tavola.games.base import Game, Outcome, Refusal, SeatIndex

S = TypeVar("S", bound=msgspec.Struct)
O = TypeVar("O", bound=msgspec.Struct)


class CashedOut(Outcome[S], Generic[S], frozen=True):
    """An outcome in which players take their chips with them. Everybody at the table is told how many."""

    carried: dict[SeatIndex, int] = msgspec.field(default_factory=dict)
    """The chips of players of `vacated` seats."""


class Stakes(ABC, Generic[S, O]):
    """The game is played for chips. Like the rest of a game's methods these are pure, and never raise on a client's
    input."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if issubclass(cls, Game) and cls.__mro__.index(Game) < cls.__mro__.index(Stakes):
            raise TypeError(f"{cls.__qualname__}: name `Stakes` before `Game` among its bases")

    @abstractmethod
    def sit_with(self, state: S, options: O, seat: SeatIndex, buy_in: int | None) -> Outcome[S] | Refusal:
        """A player takes the empty `seat`. `buy_in` is what they asked to bring, unchecked; None means the default."""

    def sit(self, state: S, options: O, seat: SeatIndex) -> Outcome[S] | Refusal:
        """A player takes the empty `seat` with what is usual."""
        return self.sit_with(state, options, seat, None)

    @abstractmethod
    def rebuy(self, state: S, options: O, seat: SeatIndex, amount: int) -> Outcome[S] | Refusal:
        """The player in `seat` adds `amount` chips, at least 1. When that may be is the game's to check. The room tells
        of it."""

    @abstractmethod
    def adjust_chips(self, state: S, options: O, seat: SeatIndex, amount: int) -> Outcome[S] | Refusal:
        """The host gives (or, below zero, takes) `amount` chips, between rounds. The room tells of it."""

    @abstractmethod
    def chips(self, state: S, seat: SeatIndex) -> int:
        """The chips of the player in `seat`, as they stand between rounds: kept in `room_seats.chips`."""

    @abstractmethod
    def void(self, state: S, options: O, seats: Sequence[SeatIndex]) -> Outcome[S] | Refusal:
        """As `Game.void`, and the game's own to say: only it knows what everybody had. If it refuses, or fails, the
        room stands still until its host lets it go on."""


@cache
def _has_stakes(game: type[Game[Any, Any]]) -> bool:
    return Stakes in game.__mro__  # `issubclass` also asks classes that were given up half made.


def stakes_of(game: Game[Any, Any]) -> Stakes[Any, Any] | None:
    """The game, if it is played for chips."""
    return cast(Stakes[Any, Any], game) if _has_stakes(type(game)) else None


def sit_down(game: Game[Any, Any], state: Any, options: Any, seat: SeatIndex, buy_in: int | None) -> Any:
    """The outcome, or the refusal, of sitting down with what a player asked to bring, which only some games ask for."""
    stakes = stakes_of(game)
    return game.sit(state, options, seat) if stakes is None else stakes.sit_with(state, options, seat, buy_in)


def chips_in(game: Game[Any, Any], state: Any, seat: SeatIndex) -> int:
    """The chips of the player in `seat`; none in a game without them."""
    stakes = stakes_of(game)
    return 0 if stakes is None else stakes.chips(state, seat)


def carried(outcome: Outcome[Any], seat: SeatIndex) -> int | None:
    """The chips that the player of a vacated `seat` takes with them; None where there are none to take."""
    return outcome.carried.get(seat) if isinstance(outcome, CashedOut) else None


def unclaimed(game: Game[Any, Any]) -> list[str]:
    """The methods of the capability that a game has without the capability: nobody would ever call them."""
    if stakes_of(game) is not None:
        return []
    return [name for name in ("rebuy", "adjust_chips", "chips") if hasattr(game, name)]
