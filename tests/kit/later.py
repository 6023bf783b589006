"""Tic-tac-toe as a later release might have it: a field of its state, an option and a move's argument are called
otherwise. It is played, and shown, as it was.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from msgspec.structs import asdict, replace

from tavola.games.base import Entropy, Json, Move, Outcome, Refusal, SeatIndex, Upcaster
from tavola.games.tictactoe import TicTacToe, TicTacToeOptions, TicTacToeState


class LaterOptions(TicTacToeOptions, frozen=True, forbid_unknown_fields=True):
    turn_seconds: int = msgspec.field(default=20, name="seconds")


class LaterState(TicTacToeState, frozen=True, omit_defaults=True):
    board: str = msgspec.field(default=".........", name="cells")


def _renamed(raw: Json, old: str, new: str) -> Json:
    return {new if name == old else name: value for name, value in raw.items()}


class Later(TicTacToe):
    """Version 2 of the game."""

    version = 2
    options_type = LaterOptions
    state_type = LaterState
    moves: ClassVar = {"mark": ("at",)}
    upcasters: ClassVar = {
        1: Upcaster(
            state=lambda raw: _renamed(raw, "board", "cells"),
            options=lambda raw: _renamed(raw, "turn_seconds", "seconds"),
            move=lambda raw: {**raw, "arguments": _renamed(raw["arguments"], "cell", "at")},
        )
    }

    def open(self, options: TicTacToeOptions) -> TicTacToeState:
        return LaterState()

    def advance(
        self, state: TicTacToeState, options: TicTacToeOptions, entropy: Entropy
    ) -> Outcome[TicTacToeState] | Refusal:
        outcome = super().advance(state, options, entropy)
        return outcome if isinstance(outcome, Refusal) else replace(outcome, state=LaterState(**asdict(outcome.state)))

    def play(
        self, state: TicTacToeState, options: TicTacToeOptions, seat: SeatIndex, move: Move, entropy: Entropy
    ) -> Outcome[TicTacToeState] | Refusal:
        arguments: dict[str, Any] = _renamed(move.arguments, "at", "cell")
        return super().play(state, options, seat, Move(move.name, arguments), entropy)

    def timeout_move(self, state: TicTacToeState, options: TicTacToeOptions, seat: SeatIndex) -> Move:
        move = super().timeout_move(state, options, seat)
        return Move(move.name, _renamed(move.arguments, "cell", "at"))


class Unsaid(Later):
    """The same change by an author who forgot to say so."""

    version = 1
    upcasters: ClassVar = {}
