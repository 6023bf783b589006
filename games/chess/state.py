"""The options and the state of a table of chess."""

from __future__ import annotations

from typing import Annotated

import chess
import msgspec
from msgspec import Meta

from tavola.games.base import SeatIndex
from tavola.games.chess.positions import board_of, start_of


class ChessOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options that a host may choose. One from which no game can be played is no option."""

    base_seconds: Annotated[int, Meta(ge=5, le=10_800, title="Time", description="Seconds for a game")] = 300
    increment_seconds: Annotated[int, Meta(ge=0, le=180, title="Increment", description="Seconds more a move")] = 3
    rematch_seconds: Annotated[int, Meta(ge=0, le=600, title="Rematch", description="Seconds between games")] = 10
    start: Annotated[
        str, Meta(max_length=8000, title="Start", description="A position (FEN) or a game (PGN) to go on from")
    ] = ""
    auto_start: Annotated[bool, Meta(title="Start by itself", description="Begin when both seats are taken")] = True

    def __post_init__(self) -> None:
        start_of(self.start)


class ChessState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The table: who sits, and the game that runs, or that was last. `moves` are those since `base`, a position, or
    since the options' start where there is none. `reason`: why the last game ended."""

    seated: tuple[SeatIndex, ...] = ()
    number: int = 0
    white: SeatIndex = SeatIndex(0)
    turn: SeatIndex | None = None
    base: str = ""
    moves: str = ""
    winner: SeatIndex | None = None
    reason: str = ""


def board(state: ChessState, options: ChessOptions) -> chess.Board:
    """The board as it stands, with all that is known of the way there. Never to be changed."""
    return board_of(state.base or options.start, state.moves)
