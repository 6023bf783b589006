"""Games with mistakes: tic-tac-toe that goes wrong at one place. Each is registered by a test that wants it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from kit.wagers import Wagers, WagerState
from tavola.games.base import Clock, Entropy, Json, Move, Outcome, Refusal, SeatIndex
from tavola.games.tictactoe import TicTacToe, TicTacToeOptions, TicTacToeState

SECRET = "the board that nobody may read in a log"


class Broken(TicTacToe):
    """A move that marks cell 8 fails."""

    kind = "broken"

    def play(
        self, state: TicTacToeState, options: TicTacToeOptions, seat: SeatIndex, move: Move, entropy: Entropy
    ) -> Outcome[TicTacToeState] | Refusal:
        if move.arguments.get("cell") == 8:
            raise ValueError(f"{SECRET}: {state}")
        return super().play(state, options, seat, move, entropy)


class TimeoutFails(TicTacToe):
    kind = "timeout_fails"

    def timeout_move(self, state: TicTacToeState, options: TicTacToeOptions, seat: SeatIndex) -> Move:
        raise ValueError(f"{SECRET}: {state}")


class TimeoutIllegal(TicTacToe):
    kind = "timeout_illegal"

    def timeout_move(self, state: TicTacToeState, options: TicTacToeOptions, seat: SeatIndex) -> Move:
        return Move("mark", {"cell": 9})


class TimeoutChangesNothing(TicTacToe):
    kind = "timeout_changes_nothing"

    def timeout_move(self, state: TicTacToeState, options: TicTacToeOptions, seat: SeatIndex) -> Move:
        return Move("wait")

    def play(
        self, state: TicTacToeState, options: TicTacToeOptions, seat: SeatIndex, move: Move, entropy: Entropy
    ) -> Outcome[TicTacToeState] | Refusal:
        return Outcome(state) if move.name == "wait" else super().play(state, options, seat, move, entropy)


class TimeoutCannotBeShown(TicTacToe):
    """The move is made, and nobody can be told what the table looks like after it."""

    kind = "timeout_cannot_be_shown"

    def public(self, state: TicTacToeState, options: TicTacToeOptions) -> dict[str, Json]:
        if state.board.count(".") == 8:
            raise KeyError(SECRET)
        return super().public(state, options)


class TimeoutCannotBeStored(TimeoutChangesNothing):
    """The move is made, and the state after it is nothing that JSON has."""

    kind = "timeout_cannot_be_stored"

    def play(
        self, state: TicTacToeState, options: TicTacToeOptions, seat: SeatIndex, move: Move, entropy: Entropy
    ) -> Outcome[TicTacToeState] | Refusal:
        if move.name == "wait":
            return Outcome(replace(state, line=(object(),)), new_turn=True)
        return super().play(state, options, seat, move, entropy)

    def public(self, state: TicTacToeState, options: TicTacToeOptions) -> dict[str, Json]:
        return super().public(replace(state, line=()), options)


class VoidFails(TimeoutFails):
    kind = "void_fails"

    def void(
        self, state: TicTacToeState, options: TicTacToeOptions, seats: Sequence[SeatIndex]
    ) -> Outcome[TicTacToeState] | Refusal:
        raise RuntimeError(SECRET)


class DealFails(TicTacToe):
    kind = "deal_fails"

    def advance(
        self, state: TicTacToeState, options: TicTacToeOptions, entropy: Entropy
    ) -> Outcome[TicTacToeState] | Refusal:
        raise ZeroDivisionError(SECRET)


class StandFails(TicTacToe):
    kind = "stand_fails"

    def stand(
        self, state: TicTacToeState, options: TicTacToeOptions, seat: SeatIndex
    ) -> Outcome[TicTacToeState] | Refusal:
        raise ZeroDivisionError(SECRET)


class CannotBeStored(Wagers):
    """The rows of its first round cannot be made."""

    kind = "cannot_be_stored"

    def chips(self, state: WagerState, seat: SeatIndex) -> int:
        if state.number:
            raise OverflowError(SECRET)
        return super().chips(state, seat)


class Moody(TicTacToe):
    """It fails now and then, which no game may: while `fails`, nothing about a table can be said."""

    kind = "moody"
    fails = False

    def seats(self, options: TicTacToeOptions) -> int:
        if type(self).fails:
            raise LookupError(SECRET)
        return super().seats(options)

    def clock(self, options: TicTacToeOptions) -> Clock:
        if type(self).fails:
            raise LookupError(SECRET)
        return super().clock(options)


ALL: tuple[Any, ...] = (
    Broken(),
    TimeoutFails(),
    TimeoutIllegal(),
    TimeoutChangesNothing(),
    TimeoutCannotBeShown(),
    TimeoutCannotBeStored(),
    VoidFails(),
    DealFails(),
    StandFails(),
    CannotBeStored(),
    Moody(),
)


NAMES = ",".join(f"kit.broken:{type(game).__name__}" for game in ALL)
"""For TAVOLA_GAMES."""
