"""Tic-tac-toe: the smallest complete game. Two seats, no chance, no secrets; read it beside `games/base.py`.

A whole game is one `Round`. The players take turns to begin; the next game begins by itself while both seats are
taken. A player who leaves in the middle of a game forfeits it.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from tavola.games.base import Clock, Entropy, Event, Game, Json, Move, Outcome, Refusal, Round, SeatIndex
from tavola.games.events import GAME_COMPLETE, GAME_STARTED, PLAYER_ACTION, EventSpec, EventTable

LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))

EVENTS: EventTable = {
    GAME_STARTED: EventSpec(("number", "first"), section=4),
    PLAYER_ACTION: EventSpec(("seat_index", "move", "cell", "automatic?"), section=4),
    GAME_COMPLETE: EventSpec(("winner", "line"), section=4),
}


class TicTacToeOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options that a host may choose."""

    turn_seconds: Annotated[int, Meta(ge=2, le=3600, title="Turn", description="Seconds to think")] = 20
    rematch_seconds: Annotated[int, Meta(ge=0, le=600, title="Rematch", description="Seconds between games")] = 3
    auto_start: Annotated[bool, Meta(title="Start by itself", description="Begin when both seats are taken")] = True


class TicTacToeState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The table. `board` has one character a cell: the seat that marked it, or `.`."""

    seated: tuple[SeatIndex, ...] = ()
    number: int = 0
    board: str = "........."
    turn: SeatIndex | None = None
    line: tuple[int, ...] = ()


class TicTacToe(Game[TicTacToeState, TicTacToeOptions]):
    """The rules."""

    kind = "tictactoe"
    title = "Tic-tac-toe"
    page = "tictactoe_page"
    open_information = True
    host_rolls_back = True
    moves: ClassVar = {"mark": ("cell",)}
    chance_in_moves: ClassVar = False

    # The table

    def seats(self, options: TicTacToeOptions) -> int:
        return 2

    def clock(self, options: TicTacToeOptions) -> Clock:
        return Clock(turn_ms=options.turn_seconds * 1000)

    def auto_start(self, options: TicTacToeOptions) -> bool:
        return options.auto_start

    def open(self, options: TicTacToeOptions) -> TicTacToeState:
        return TicTacToeState()

    def sit(
        self, state: TicTacToeState, options: TicTacToeOptions, seat: SeatIndex
    ) -> Outcome[TicTacToeState] | Refusal:
        if seat not in (0, 1):
            return Refusal("illegal_move", "This table has the seats 0 and 1.")
        if seat in state.seated:
            return Refusal("seat_taken", "Somebody sits there.")
        return Outcome(msgspec.structs.replace(state, seated=(*state.seated, seat)))

    def stand(
        self, state: TicTacToeState, options: TicTacToeOptions, seat: SeatIndex
    ) -> Outcome[TicTacToeState] | Refusal:
        if seat not in state.seated:
            return Refusal("not_seated", "Nobody sits there.")
        left = msgspec.structs.replace(state, seated=tuple(s for s in state.seated if s != seat))
        outcome = Outcome(left) if state.turn is None else self._over(left, winner=SeatIndex(1 - seat))
        return msgspec.structs.replace(outcome, vacated=(seat,))

    # Play

    def advance_after_ms(self, state: TicTacToeState, options: TicTacToeOptions) -> int | None:
        return options.rematch_seconds * 1000 if state.turn is None and len(state.seated) == 2 else None

    def advance(
        self, state: TicTacToeState, options: TicTacToeOptions, entropy: Entropy
    ) -> Outcome[TicTacToeState] | Refusal:
        if self.advance_after_ms(state, options) is None:
            return Refusal("illegal_move", "A game begins when both seats are taken and none is running.")
        first = SeatIndex(state.number % 2)
        begun = TicTacToeState(seated=state.seated, number=state.number + 1, turn=first)
        facts: dict[str, Json] = {"number": begun.number, "first": first}
        return Outcome(begun, (Event(GAME_STARTED, facts),), new_turn=True, rounds=(Round(begun.number, False, facts),))

    def turn(self, state: TicTacToeState) -> SeatIndex | None:
        return state.turn

    def legal(self, state: TicTacToeState, options: TicTacToeOptions, seat: SeatIndex) -> list[dict[str, Json]]:
        return [{"move": "mark", "cell": {"choices": free(state)}}] if seat == state.turn else []

    def play(
        self, state: TicTacToeState, options: TicTacToeOptions, seat: SeatIndex, move: Move, entropy: Entropy
    ) -> Outcome[TicTacToeState] | Refusal:
        if move.name != "mark":
            return Refusal("illegal_move", "The only move is to mark a cell.")
        if seat != state.turn:
            return Refusal("not_your_turn", "It is not your turn.")
        cell = move.arguments.get("cell")
        if type(cell) is not int or cell not in free(state):
            return Refusal("illegal_move", "Mark one of the free cells.", {"choices": free(state)})
        board = state.board[:cell] + str(seat) + state.board[cell + 1 :]
        marked = msgspec.structs.replace(state, board=board, turn=SeatIndex(1 - seat))
        event = Event(PLAYER_ACTION, {"seat_index": seat, "move": "mark", "cell": cell})
        mark = str(seat)
        line = next((line for line in LINES if mark == board[line[0]] == board[line[1]] == board[line[2]]), ())
        if line or "." not in board:
            return self._over(marked, seat if line else None, line, (event,))
        return Outcome(marked, (event,), new_turn=True)

    def timeout_move(self, state: TicTacToeState, options: TicTacToeOptions, seat: SeatIndex) -> Move:
        return Move("mark", {"cell": free(state)[0]})

    def _over(
        self,
        state: TicTacToeState,
        winner: SeatIndex | None,
        line: tuple[int, ...] = (),
        events: tuple[Event, ...] = (),
    ) -> Outcome[TicTacToeState]:
        """The game ends: with a line, in a draw (no winner), or by forfeit (a winner without a line)."""
        result: dict[str, Json] = {"winner": winner, "line": list(line)}
        ended = msgspec.structs.replace(state, turn=None, line=line)
        record = Round(state.number, True, {**result, "board": state.board})
        return Outcome(ended, (*events, Event(GAME_COMPLETE, result)), rounds=(record,), result=result)

    # Views

    def public(self, state: TicTacToeState, options: TicTacToeOptions) -> dict[str, Json]:
        cells = [None if mark == "." else int(mark) for mark in state.board]
        return {"number": state.number, "board": cells, "line": list(state.line)}

    def public_seat(self, state: TicTacToeState, options: TicTacToeOptions, seat: SeatIndex) -> dict[str, Json]:
        return {"mark": "XO"[seat]}


def free(state: TicTacToeState) -> list[int]:
    """The cells that nobody has marked."""
    return [cell for cell, mark in enumerate(state.board) if mark == "."]
