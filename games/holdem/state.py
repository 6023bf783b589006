"""The memory of a hold'em table: the options it was opened with, its seats, and the hand being played.

Everything is stored as arrays (`array_like`), since the whole of it is written with every commit. Nothing that can be
computed is stored: the betting is replayed from `Hand.moves` when a table is loaded, see `games/holdem/betting.py`.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

import msgspec
from msgspec import Meta

from tavola.games.base import SeatIndex
from tavola.games.holdem.betting import Betting

MOST_SEATS = 10
Chips = Annotated[int, Meta(ge=1, le=1_000_000_000)]


class HoldemOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options that a host may choose. Amounts are chips, times are seconds."""

    seats: Annotated[int, Meta(ge=2, le=MOST_SEATS, title="Seats")] = 6
    small_blind: Annotated[Chips, Meta(title="Small blind")] = 5
    big_blind: Annotated[Chips, Meta(title="Big blind", description="Also the smallest bet")] = 10
    ante: Annotated[
        int, Meta(ge=0, le=1_000_000_000, title="Ante", description="Paid by everybody before the deal; 0 for none")
    ] = 0
    min_buy_in: Annotated[Chips, Meta(title="Smallest buy-in")] = 400
    max_buy_in: Annotated[Chips, Meta(title="Largest buy-in")] = 2000
    default_buy_in: Annotated[
        Chips | None, Meta(title="Usual buy-in", description="Left out: 100 big blinds, as far as the limits allow")
    ] = None
    turn_seconds: Annotated[int, Meta(ge=2, le=3600, title="Turn", description="Seconds to think")] = 20
    timebank_seconds: Annotated[
        int, Meta(ge=0, le=3600, title="Timebank", description="Seconds in reserve, for when a turn's time has run out")
    ] = 30
    timebank_refill_seconds: Annotated[
        int, Meta(ge=0, le=3600, title="Refill", description="Seconds that come back to the timebank with each hand")
    ] = 5
    next_hand_seconds: Annotated[int, Meta(ge=0, le=600, title="Pause", description="Seconds between hands")] = 3
    auto_start: Annotated[bool, Meta(title="Start by itself", description="Deal as soon as two can play")] = True

    def __post_init__(self) -> None:
        if self.small_blind > self.big_blind:
            raise ValueError("small_blind must not be larger than big_blind")
        if self.ante > self.big_blind:
            raise ValueError("ante must not be larger than big_blind")
        if self.min_buy_in > self.max_buy_in:
            raise ValueError("min_buy_in must not be larger than max_buy_in")
        if self.default_buy_in is not None and not self.min_buy_in <= self.default_buy_in <= self.max_buy_in:
            raise ValueError("default_buy_in must lie between min_buy_in and max_buy_in")

    @property
    def usual_buy_in(self) -> int:
        """The chips that a player brings who does not say how many."""
        if self.default_buy_in is not None:
            return self.default_buy_in
        return max(self.min_buy_in, min(self.max_buy_in, 100 * self.big_blind))


class HoldemSeat(msgspec.Struct, frozen=True, array_like=True):
    """A taken seat."""

    index: SeatIndex
    chips: int
    """Between hands. While a hand runs, what its player had when it began (or, not being dealt in, has)."""
    dealt: bool = False
    """Has cards in this hand, or had in the last one. A player without is a newcomer to the next."""
    leaving: bool = False
    """Has left, but holds cards until the hand ends."""
    sitting_out: bool = False
    """Is not dealt in from the next hand on."""
    owes: int = 0
    """The blinds to post when dealt in (the bits of `holdem_rules.MISSED_…`). A player who is dealt in owes nothing."""

    @property
    def plays(self) -> bool:
        """Would be dealt in now."""
        return self.chips > 0 and not self.sitting_out and not self.leaving


class Ending(msgspec.Struct, frozen=True, array_like=True):
    """The part of a hand that remains on view when it has ended. By then `Hand.cards` holds nothing that was not
    dealt."""

    holding: tuple[SeatIndex, ...]
    """The players whose cards were not folded, nor mucked by choice since."""
    shown: tuple[SeatIndex, ...]
    last_moves: tuple[str, ...]
    """Each player's last move, in the order of `Hand.players`."""


class Hand(msgspec.Struct, frozen=True, array_like=True):
    """The hand being played, or the last one."""

    button: SeatIndex
    """May be empty, and so may the small blind's seat."""
    small_blind: SeatIndex
    big_blind: SeatIndex
    stakes: tuple[int, int, int]
    """Small blind, big blind, ante."""
    players: tuple[SeatIndex, ...]
    """The players who are dealt in, from the first to the left of the button on."""
    stacks: tuple[int, ...]
    """The chips that each had when the hand began."""
    cards: str
    """Two cards a player, in that order, then the board; of an ended hand only as much of the board as was dealt."""
    commitment: bytes
    moves: str = ""
    """Every move so far: `c` check or call, `f` fold, `a` all in, `r40` the smallest raise and 40 more."""
    ending: Ending | None = None
    posts: tuple[int, ...] = ()
    """The blinds that each player owed (`HoldemSeat.owes`) and posts; empty when nobody does, and when the hand has
    ended."""

    @property
    def posts_small_blind(self) -> bool:
        """Not so if the seat whose turn it was to post it is empty (a dead small blind)."""
        return self.small_blind in self.players

    def hole_cards(self, seat: SeatIndex) -> list[str]:
        start = 4 * self.players.index(seat)
        return [self.cards[start : start + 2], self.cards[start + 2 : start + 4]]

    def board(self, count: int = 5) -> list[str]:
        start = 4 * len(self.players)
        return [self.cards[i : i + 2] for i in range(start, min(start + 2 * count, len(self.cards)), 2)]


class HoldemTable(msgspec.Struct, frozen=True, array_like=True, dict=True):
    """The state of a hold'em room: its taken seats in order, the number of the hand, and the hand."""

    seats: tuple[HoldemSeat, ...] = ()
    number: int = 0
    hand: Hand | None = None

    def seat(self, index: SeatIndex) -> HoldemSeat | None:
        for seat in self.seats:
            if seat.index == index:
                return seat
        return None

    @property
    def running(self) -> Hand | None:
        """The hand, if one is being played."""
        return self.hand if self.hand is not None and self.hand.ending is None else None

    @cached_property
    def betting(self) -> Betting:
        """The running hand's betting: a cache. Code that changes it takes a `copy()`."""
        hand = self.running
        assert hand is not None
        betting = Betting(hand.stacks, hand.stakes, hand.posts_small_blind, hand.cards, hand.posts)
        betting.replay(hand.moves)
        return betting

    def with_betting(self, betting: Betting) -> HoldemTable:
        """The same table, its cache already filled."""
        self.__dict__["betting"] = betting
        return self
