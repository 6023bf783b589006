"""The auction's options and state: what is stored, and what can be told from it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tavola.games.base import SeatIndex

LEAST = 3
"""Bidders without whom no auction begins."""
MOST_VALUE = 20
"""The worth of a lot to somebody is from 1 to this."""


class AuctionOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options that a host may choose."""

    seats: Annotated[int, Meta(ge=3, le=7, title="Seats")] = 5
    lots: Annotated[int, Meta(ge=1, le=12, title="Lots", description="Lots of one auction")] = 6
    coins: Annotated[int, Meta(ge=1, le=1000, title="Coins", description="Everybody begins with so many")] = 100
    price: Annotated[
        Literal["first", "second"], Meta(title="Price", description="The bid that is paid: the highest, or the second")
    ] = "first"
    turn_seconds: Annotated[int, Meta(ge=2, le=3600, title="Turn", description="Seconds to bid")] = 30
    timebank_seconds: Annotated[int, Meta(ge=0, le=600, title="Timebank", description="Seconds in reserve")] = 10
    pause_seconds: Annotated[int, Meta(ge=0, le=600, title="Pause", description="Seconds between auctions")] = 5
    auto_start: Annotated[bool, Meta(title="Start by itself", description="Begin when three are seated")] = True


class Bidder(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """A player. `values` is what each lot is worth to them, none while they wait for the next auction; `bid` is their
    choice of this lot, which nobody else knows before all have made theirs."""

    seat: SeatIndex
    coins: int = 0
    score: int = 0
    values: tuple[int, ...] = ()
    bid: int | None = None


class Sold(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """A lot that was bid for: all bids, and who got it for how much. Without a winner nobody did."""

    lot: int
    bids: tuple[tuple[SeatIndex, int], ...]
    winner: SeatIndex | None = None
    price: int = 0


class AuctionState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The table. `lot` is the one that is bid for, from 1; 0 while no auction runs. `bidders` are in the order of
    their seats."""

    number: int = 0
    lot: int = 0
    bidders: tuple[Bidder, ...] = ()
    last: Sold | None = None

    def at(self, seat: SeatIndex) -> Bidder | None:
        return next((bidder for bidder in self.bidders if bidder.seat == seat), None)

    @property
    def playing(self) -> list[Bidder]:
        """Those who are in the auction that runs."""
        return [bidder for bidder in self.bidders if bidder.values] if self.lot else []

    @property
    def choosing(self) -> list[SeatIndex]:
        """The seats that have to bid. Without coins there is nothing to choose."""
        return [bidder.seat for bidder in self.playing if bidder.bid is None and bidder.coins]
