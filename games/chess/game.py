"""Chess for two, with a Fischer clock. A whole game is one `Round`; the players take turns to have White.

A draw by rule (stalemate, insufficient material, a position for the fifth time, 75 moves) ends the game at once; one
that may be claimed (for the third time, 50 moves) is a move of whoever is to move. A player who resigns, or whose time
is over, loses, and it is a draw where their opponent could not mate by any moves (FIDE 6.9). A player who leaves in the
middle of a game forfeits it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import chess
import msgspec

from tavola.games.base import (
    Entropy,
    Event,
    Fischer,
    Game,
    Json,
    Move,
    Outcome,
    Refusal,
    Round,
    SeatIndex,
    random_move,
)
from tavola.games.chess import bots
from tavola.games.chess.positions import before, claim, ending, packed, pgn, shortened
from tavola.games.chess.state import ChessOptions, ChessState, board
from tavola.games.events import GAME_COMPLETE, GAME_STARTED, PLAYER_ACTION
from tavola.games.offers import AgreedDraws, Resigning, TakeBacks

DRAW = "1/2-1/2"


class Chess(
    Game[ChessState, ChessOptions],
    Resigning[ChessState, ChessOptions],
    AgreedDraws[ChessState, ChessOptions],
    TakeBacks[ChessState, ChessOptions],
):
    """The rules."""

    kind = "chess"
    title = "Chess"
    page = "page"
    open_information = True
    host_rolls_back = True
    moves: ClassVar = {"go": ("from", "to", "promotion"), "claim_draw": (), "resign": ()}
    chance_in_moves: ClassVar = False
    bots: ClassVar = ("modest", "random")

    # The table

    def seats(self, options: ChessOptions) -> int:
        return 2

    def clock(self, options: ChessOptions) -> Fischer:
        return Fischer(options.base_seconds * 1000, options.increment_seconds * 1000)

    def auto_start(self, options: ChessOptions) -> bool:
        return options.auto_start

    def open(self, options: ChessOptions) -> ChessState:
        return ChessState()

    def sit(self, state: ChessState, options: ChessOptions, seat: SeatIndex) -> Outcome[ChessState] | Refusal:
        if seat not in (0, 1):
            return Refusal("illegal_move", "This table has the seats 0 and 1.")
        if seat in state.seated:
            return Refusal("seat_taken", "Somebody sits there.")
        return Outcome(msgspec.structs.replace(state, seated=(*state.seated, seat)))

    def stand(self, state: ChessState, options: ChessOptions, seat: SeatIndex) -> Outcome[ChessState] | Refusal:
        if seat not in state.seated:
            return Refusal("not_seated", "Nobody sits there.")
        left = msgspec.structs.replace(state, seated=tuple(other for other in state.seated if other != seat))
        outcome = Outcome(left) if state.turn is None else self._over(left, options, SeatIndex(1 - seat), "forfeit")
        return msgspec.structs.replace(outcome, vacated=(seat,))

    # Play

    def advance_after_ms(self, state: ChessState, options: ChessOptions) -> int | None:
        if state.turn is not None or len(state.seated) < 2:
            return None
        return options.rematch_seconds * 1000 if state.number else 0

    def advance(self, state: ChessState, options: ChessOptions, entropy: Entropy) -> Outcome[ChessState] | Refusal:
        if self.advance_after_ms(state, options) is None:
            return Refusal("illegal_move", "A game begins when both seats are taken and none is running.")
        white = SeatIndex(state.number % 2)
        begun = ChessState(seated=state.seated, number=state.number + 1, white=white)
        begun = msgspec.structs.replace(begun, turn=self._to_move(begun, options))
        facts: dict[str, Json] = {"number": begun.number, "white": white, "fen": board(begun, options).fen()}
        return Outcome(begun, (Event(GAME_STARTED, facts),), new_turn=True, rounds=(Round(begun.number, False, facts),))

    def turn(self, state: ChessState) -> SeatIndex | None:
        return state.turn

    def legal(self, state: ChessState, options: ChessOptions, seat: SeatIndex) -> list[dict[str, Json]]:
        if seat != state.turn:
            return []
        now = board(state, options)
        entries: list[dict[str, Json]] = [{"move": "go", **_told(move)} for move in now.legal_moves]
        if claim(now):
            entries.append({"move": "claim_draw"})
        return [*entries, {"move": "resign"}]

    def play(
        self, state: ChessState, options: ChessOptions, seat: SeatIndex, move: Move, entropy: Entropy
    ) -> Outcome[ChessState] | Refusal:
        if seat != state.turn:
            return Refusal("not_your_turn", "It is not your turn.")
        now, other = board(state, options), SeatIndex(1 - seat)
        facts: dict[str, Json] = {"seat_index": seat, "move": move.name}
        match move.name:
            case "resign":
                winner = other if now.has_insufficient_material(not now.turn) is False else None
                return self._over(state, options, winner, "resignation", Event(PLAYER_ACTION, facts))
            case "claim_draw":
                if why := claim(now):
                    return self._over(state, options, None, why, Event(PLAYER_ACTION, facts))
                return Refusal("illegal_move", "There is no draw to claim.")
            case "go":
                made = next((each for each in now.legal_moves if _told(each) == dict(move.arguments)), None)
                if made is None:
                    return Refusal("illegal_move", "That is no legal move.")
                return self._moved(state, options, made, facts)
            case _:
                return Refusal("illegal_move", "Move a piece, claim a draw, or resign.")

    def _moved(
        self, state: ChessState, options: ChessOptions, made: chess.Move, facts: dict[str, Json]
    ) -> Outcome[ChessState]:
        now = board(state, options)
        base, moves = shortened(state.base or options.start, state.moves + packed(made))
        if base == options.start:
            base = ""
        after = msgspec.structs.replace(state, base=base, moves=moves)
        event = Event(PLAYER_ACTION, {**facts, **_told(made), "san": now.san(made)})
        then = board(after, options)
        if why := ending(then):
            winner = state.turn if then.is_checkmate() else None
            return self._over(after, options, winner, why, event)
        return Outcome(
            msgspec.structs.replace(after, turn=self._to_move(after, options)), (event,), new_turn=True
        )  # fmt: skip

    def resign(self, state: ChessState, options: ChessOptions, seat: SeatIndex) -> Outcome[ChessState] | Refusal:
        if state.turn is None:
            return Refusal("illegal_move", "No game is running.")
        other = SeatIndex(1 - seat)
        mates = not board(state, options).has_insufficient_material(other == state.white)
        return self._over(state, options, other if mates else None, "resignation")

    def draw(self, state: ChessState, options: ChessOptions) -> Outcome[ChessState] | Refusal:
        if state.turn is None:
            return Refusal("illegal_move", "No game is running.")
        return self._over(state, options, None, "agreement")

    def take_back(self, state: ChessState, options: ChessOptions, seat: SeatIndex) -> Outcome[ChessState] | Refusal:
        if state.turn is None:
            return Refusal("illegal_move", "No game is running.")
        moves = before(state.moves, 2 if seat == state.turn else 1)
        if moves is None:
            return Refusal("illegal_move", "There is no move of yours to take back.")
        return Outcome(msgspec.structs.replace(state, moves=moves, turn=seat), new_turn=True)

    def timeout_move(self, state: ChessState, options: ChessOptions, seat: SeatIndex) -> Move:
        return Move("resign")

    def _to_move(self, state: ChessState, options: ChessOptions) -> SeatIndex:
        return state.white if board(state, options).turn == chess.WHITE else SeatIndex(1 - state.white)

    def _over(
        self, state: ChessState, options: ChessOptions, winner: SeatIndex | None, reason: str, *events: Event
    ) -> Outcome[ChessState]:
        told = DRAW if winner is None else "1-0" if winner == state.white else "0-1"
        result: dict[str, Json] = {
            "winner": winner,
            "reason": reason,
            "white": state.white,
            "pgn": pgn(board(state, options), state.number, told),
        }
        ended = msgspec.structs.replace(state, turn=None, winner=winner, reason=reason)
        record = Round(state.number, True, result)
        return Outcome(ended, (*events, Event(GAME_COMPLETE, result)), rounds=(record,), result=result)

    # Bots

    def bot(self, name: str, view: Mapping[str, Json], entropy: Entropy) -> Move:
        legal = [entry for entry in view["me"]["legal"] if entry["move"] != "resign"]
        if any(entry["move"] == "claim_draw" for entry in legal):
            return Move("claim_draw")
        if name == "random":
            return random_move(legal, entropy)
        return Move("go", _told(bots.modest(view["game"]["fen"], int.from_bytes(entropy, "big"))))

    # Views

    def public(self, state: ChessState, options: ChessOptions) -> dict[str, Json]:
        now = board(state, options)
        last = now.peek() if now.move_stack else None
        return {
            "number": state.number,
            "fen": now.fen(),
            "white": state.white,
            "last": [chess.square_name(last.from_square), chess.square_name(last.to_square)] if last else [],
            "check": now.is_check(),
            "winner": state.winner,
            "reason": state.reason,
        }

    def public_seat(self, state: ChessState, options: ChessOptions, seat: SeatIndex) -> dict[str, Json]:
        return {"color": "white" if seat == state.white else "black"}


def _told(move: chess.Move) -> dict[str, Json]:
    """The arguments of a move."""
    told: dict[str, Json] = {"from": chess.square_name(move.from_square), "to": chess.square_name(move.to_square)}
    if move.promotion is not None:
        told["promotion"] = chess.piece_symbol(move.promotion)
    return told
