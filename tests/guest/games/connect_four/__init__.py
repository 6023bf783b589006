"""Connect Four: two players drop discs into seven columns; four in a row win. No chance, no secrets."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta
from storage.packed import packed, unpacked

from tavola.games.base import Clock, Entropy, Event, Game, Json, Move, Outcome, Refusal, Round, SeatIndex

COLUMNS, ROWS = 7, 6
EMPTY = 2
"""In a cell: nobody's disc."""
WAYS = ((0, 1), (1, 0), (1, 1), (1, -1))


class ConnectFourOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    turn_seconds: Annotated[int, Meta(ge=2, le=3600, title="Turn", description="Seconds to think")] = 30
    rematch_seconds: Annotated[int, Meta(ge=0, le=600, title="Rematch", description="Seconds between games")] = 3


class ConnectFourState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`board`: the rows from the top, cell by cell: the seat whose disc it is, or `EMPTY`."""

    seated: tuple[SeatIndex, ...] = ()
    number: int = 0
    board: str = packed([EMPTY] * COLUMNS * ROWS)
    turn: SeatIndex | None = None


class ConnectFour(Game[ConnectFourState, ConnectFourOptions]):
    kind = "connect_four"
    title = "Connect Four"
    moves: ClassVar = {"drop": ("column",)}

    def seats(self, options: ConnectFourOptions) -> int:
        return 2

    def clock(self, options: ConnectFourOptions) -> Clock:
        return Clock(turn_ms=options.turn_seconds * 1000)

    def open(self, options: ConnectFourOptions) -> ConnectFourState:
        return ConnectFourState()

    def sit(
        self, state: ConnectFourState, options: ConnectFourOptions, seat: SeatIndex
    ) -> Outcome[ConnectFourState] | Refusal:
        if seat not in (0, 1) or seat in state.seated:
            return Refusal("seat_taken", "That seat is not free.")
        return Outcome(msgspec.structs.replace(state, seated=(*state.seated, seat)))

    def stand(
        self, state: ConnectFourState, options: ConnectFourOptions, seat: SeatIndex
    ) -> Outcome[ConnectFourState] | Refusal:
        if seat not in state.seated:
            return Refusal("not_seated", "Nobody sits there.")
        left = msgspec.structs.replace(state, seated=tuple(other for other in state.seated if other != seat))
        outcome = Outcome(left) if state.turn is None else self._over(left, SeatIndex(1 - seat))
        return msgspec.structs.replace(outcome, vacated=(seat,))

    def advance_after_ms(self, state: ConnectFourState, options: ConnectFourOptions) -> int | None:
        return options.rematch_seconds * 1000 if state.turn is None and len(state.seated) == 2 else None

    def advance(
        self, state: ConnectFourState, options: ConnectFourOptions, entropy: Entropy
    ) -> Outcome[ConnectFourState] | Refusal:
        if self.advance_after_ms(state, options) is None:
            return Refusal("illegal_move", "A game begins when both seats are taken and none is running.")
        first = SeatIndex(state.number % 2)
        begun = ConnectFourState(state.seated, state.number + 1, turn=first)
        facts: dict[str, Json] = {"number": begun.number, "first": first}
        return Outcome(begun, (Event("game_started", facts),), True, (Round(begun.number, False, facts),))

    def turn(self, state: ConnectFourState) -> SeatIndex | None:
        return state.turn

    def legal(self, state: ConnectFourState, options: ConnectFourOptions, seat: SeatIndex) -> list[dict[str, Json]]:
        return [{"move": "drop", "column": {"choices": free(state)}}] if seat == state.turn else []

    def play(
        self, state: ConnectFourState, options: ConnectFourOptions, seat: SeatIndex, move: Move, entropy: Entropy
    ) -> Outcome[ConnectFourState] | Refusal:
        if seat != state.turn:
            return Refusal("not_your_turn", "It is not your turn.")
        column = move.arguments.get("column")
        if move.name != "drop" or type(column) is not int or column not in free(state):
            return Refusal("illegal_move", "Drop a disc into a column that is not full.", {"choices": free(state)})
        cells = unpacked(state.board)
        row = max(row for row in range(ROWS) if cells[row * COLUMNS + column] == EMPTY)
        cells[row * COLUMNS + column] = seat
        dropped = msgspec.structs.replace(state, board=packed(cells), turn=SeatIndex(1 - seat))
        event = Event("player_action", {"seat_index": seat, "move": "drop", "column": column, "row": row})
        if four(cells, row, column):
            return self._over(dropped, seat, (event,))
        return Outcome(dropped, (event,), new_turn=True) if free(dropped) else self._over(dropped, None, (event,))

    def timeout_move(self, state: ConnectFourState, options: ConnectFourOptions, seat: SeatIndex) -> Move:
        return Move("drop", {"column": free(state)[0]})

    def _over(
        self, state: ConnectFourState, winner: SeatIndex | None, events: tuple[Event, ...] = ()
    ) -> Outcome[ConnectFourState]:
        result: dict[str, Json] = {"winner": winner}
        ended = msgspec.structs.replace(state, turn=None)
        rounds = (Round(state.number, True, {**result, "board": state.board}),)
        return Outcome(ended, (*events, Event("game_complete", result)), rounds=rounds, result=result)

    def public(self, state: ConnectFourState, options: ConnectFourOptions) -> dict[str, Json]:
        cells = [None if cell == EMPTY else cell for cell in unpacked(state.board)]
        return {"number": state.number, "board": [cells[row * COLUMNS :][:COLUMNS] for row in range(ROWS)]}

    def public_seat(self, state: ConnectFourState, options: ConnectFourOptions, seat: SeatIndex) -> dict[str, Json]:
        return {"disc": ("yellow", "red")[seat]}


def free(state: ConnectFourState) -> list[int]:
    """The columns that are not full."""
    return [column for column in range(COLUMNS) if state.board[column] == str(EMPTY)]


def four(cells: list[int], row: int, column: int) -> bool:
    """Whether the disc there is one of four in a row."""

    def run(down: int, right: int) -> int:
        length, at, beside = 0, row + down, column + right
        while at in range(ROWS) and beside in range(COLUMNS) and cells[at * COLUMNS + beside] == mine:
            length, at, beside = length + 1, at + down, beside + right
        return length

    mine = cells[row * COLUMNS + column]
    return any(1 + run(down, right) + run(-down, -right) >= 4 for down, right in WAYS)
