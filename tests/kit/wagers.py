"""A small game that is played for chips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from tavola.games.base import Outcome, Refusal, SeatIndex
from tavola.games.stakes import CashedOut, Stakes
from tavola.games.tictactoe import TicTacToe, TicTacToeOptions, TicTacToeState


class WagerState(TicTacToeState, frozen=True, omit_defaults=True):
    """`purses` has the chips of the players by seat, where somebody sits."""

    purses: tuple[int, int] = (0, 0)

    def with_purse(self, seat: SeatIndex, chips: int) -> WagerState:
        return replace(self, purses=(chips, self.purses[1]) if seat == 0 else (self.purses[0], chips))


class Wagers(Stakes[Any, TicTacToeOptions], TicTacToe):
    """Noughts and crosses with purses, which the host fills and empties."""

    kind = "wagers"
    state_type = WagerState

    def open(self, options: TicTacToeOptions) -> WagerState:
        return WagerState()

    def sit_with(
        self, state: WagerState, options: TicTacToeOptions, seat: SeatIndex, buy_in: int | None
    ) -> Outcome[Any] | Refusal:
        outcome = TicTacToe.sit(self, state, options, seat)
        if isinstance(outcome, Refusal):
            return outcome
        sat = replace(state, seated=outcome.state.seated)
        return Outcome(sat.with_purse(seat, 7 if buy_in is None else buy_in))

    def stand(self, state: Any, options: TicTacToeOptions, seat: SeatIndex) -> Outcome[Any] | Refusal:
        outcome = super().stand(state, options, seat)
        if isinstance(outcome, Refusal):
            return outcome
        left: Any = outcome.state
        return CashedOut(left.with_purse(seat, 0), vacated=outcome.vacated, carried={seat: self.chips(state, seat)})

    def rebuy(self, state: WagerState, options: TicTacToeOptions, seat: SeatIndex, amount: int) -> Outcome[Any]:
        return Outcome(state.with_purse(seat, state.purses[seat] + amount))

    def adjust_chips(self, state: WagerState, options: TicTacToeOptions, seat: SeatIndex, amount: int) -> Outcome[Any]:
        return Outcome(state.with_purse(seat, state.purses[seat] + amount))

    def chips(self, state: WagerState, seat: SeatIndex) -> int:
        return state.purses[seat]

    def void(self, state: Any, options: Any, seats: Sequence[SeatIndex]) -> Outcome[Any] | Refusal:
        return Refusal("illegal_move", "No.")
