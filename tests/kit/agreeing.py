"""Noughts and crosses with all that players may agree on."""

from __future__ import annotations

from typing import ClassVar

from msgspec.structs import replace

from tavola.games.base import Entropy, Move, Outcome, Refusal, SeatIndex
from tavola.games.offers import AgreedDraws, Resigning, TakeBacks
from tavola.games.tictactoe import TicTacToe, TicTacToeOptions, TicTacToeState


class AgreeingState(TicTacToeState, frozen=True, omit_defaults=True):
    """`order` has the cells as they were marked."""

    order: tuple[int, ...] = ()


class Agreeing(
    TicTacToe,
    Resigning[AgreeingState, TicTacToeOptions],
    AgreedDraws[AgreeingState, TicTacToeOptions],
    TakeBacks[AgreeingState, TicTacToeOptions],
):
    kind = "agreeing"
    state_type = AgreeingState
    host_rolls_back: ClassVar = False

    def open(self, options: TicTacToeOptions) -> AgreeingState:
        return AgreeingState()

    def advance(
        self, state: TicTacToeState, options: TicTacToeOptions, entropy: Entropy
    ) -> Outcome[TicTacToeState] | Refusal:
        outcome = super().advance(state, options, entropy)
        if isinstance(outcome, Refusal):
            return outcome
        begun = outcome.state
        return replace(outcome, state=AgreeingState(seated=begun.seated, number=begun.number, turn=begun.turn))

    def play(
        self, state: TicTacToeState, options: TicTacToeOptions, seat: SeatIndex, move: Move, entropy: Entropy
    ) -> Outcome[TicTacToeState] | Refusal:
        outcome = super().play(state, options, seat, move, entropy)
        if isinstance(outcome, Refusal):
            return outcome
        assert isinstance(outcome.state, AgreeingState)
        order = (*outcome.state.order, int(str(move.arguments["cell"])))
        return replace(outcome, state=replace(outcome.state, order=order))

    def resign(self, state: AgreeingState, options: TicTacToeOptions, seat: SeatIndex) -> Outcome[AgreeingState]:
        return self._over(state, SeatIndex(1 - seat))  # type: ignore[return-value]

    def draw(self, state: AgreeingState, options: TicTacToeOptions) -> Outcome[AgreeingState]:
        return self._over(state, None)  # type: ignore[return-value]

    def take_back(
        self, state: AgreeingState, options: TicTacToeOptions, seat: SeatIndex
    ) -> Outcome[AgreeingState] | Refusal:
        kept = list(state.order)
        while kept and state.board[kept[-1]] != str(seat):
            kept.pop()
        if not kept:
            return Refusal("illegal_move", "You have made no move yet.")
        kept.pop()
        board = "".join(mark if cell in kept else "." for cell, mark in enumerate(state.board))
        return Outcome(replace(state, board=board, turn=seat, order=tuple(kept)), new_turn=True)
