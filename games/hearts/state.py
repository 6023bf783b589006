"""The options and the state of a table of Hearts: what is stored, and what can be told from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tavola.games.base import SeatIndex
from tavola.games.hearts.tricks import split

SEATS = 4
Direction = Literal["left", "right", "across", "none"]
DIRECTIONS: tuple[Direction, ...] = ("left", "right", "across", "none")
"""Where cards are passed, hand by hand."""
STEPS: dict[Direction, int] = {"left": 1, "right": 3, "across": 2, "none": 0}
"""So many seats further."""


class HeartsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options that a host may choose."""

    points: Annotated[int, Meta(ge=10, le=500, title="Points", description="The game is over with so many")] = 100
    hands: Annotated[int, Meta(ge=0, le=100, title="Hands", description="Or after so many hands; 0: by points")] = 0
    turn_seconds: Annotated[int, Meta(ge=2, le=3600, title="Turn", description="Seconds to choose")] = 30
    timebank_seconds: Annotated[int, Meta(ge=0, le=600, title="Timebank", description="Seconds in reserve")] = 15
    pause_seconds: Annotated[int, Meta(ge=0, le=600, title="Pause", description="Seconds between hands")] = 8
    auto_start: Annotated[bool, Meta(title="Start by itself", description="Begin when four are seated")] = True


class HeartsPlayer(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """Somebody at the table. `aside` are the three cards that they pass, until all have chosen; `taken` are their
    points in the hand that runs; one who is `leaving` has left, and their cards are played for them."""

    seat: SeatIndex
    hand: str = ""
    taken: int = 0
    aside: str = ""
    leaving: bool = False


class Trick(msgspec.Struct, frozen=True, array_like=True):
    """The cards of a trick, in the order of their seats from its leader on."""

    leader: SeatIndex
    cards: str = ""

    @property
    def next(self) -> SeatIndex:
        """The seat that plays to it next; of a trick that is full, its leader."""
        return self.seat_of(len(self.cards) // 2)

    def seat_of(self, at: int) -> SeatIndex:
        """The seat whose card is the one at that place."""
        return SeatIndex((self.leader + at) % SEATS)

    @property
    def is_full(self) -> bool:
        return len(self.cards) == 2 * SEATS


class HeartsState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The table. `number` counts all hands, `hand` those of the game, 0 while none runs; `points` are each seat's in
    the game, whoever sits there. `players` are in the order of their seats; `last` is the trick before."""

    phase: str = "waiting"
    number: int = 0
    hand: int = 0
    points: tuple[int, int, int, int] = (0, 0, 0, 0)
    players: tuple[HeartsPlayer, ...] = ()
    trick: Trick = Trick(SeatIndex(0))
    last: Trick | None = None
    broken: bool = False

    def at(self, seat: SeatIndex) -> HeartsPlayer | None:
        return next((player for player in self.players if player.seat == seat), None)

    @property
    def direction(self) -> Direction:
        return DIRECTIONS[(self.hand - 1) % len(DIRECTIONS)]

    @property
    def choosing(self) -> Sequence[SeatIndex]:
        """The seats that have yet to choose cards to pass."""
        return [player.seat for player in self.players if not player.aside]

    @property
    def playing(self) -> Sequence[SeatIndex]:
        """The seat that plays a card."""
        return () if self.trick.is_full else (self.trick.next,)

    def cards_of(self, seat: SeatIndex) -> list[str]:
        player = self.at(seat)
        return split(player.hand) if player is not None else []
