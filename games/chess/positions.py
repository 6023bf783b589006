"""Positions of a game of chess and the moves that led to them, small to store: a start, and two characters a move."""

from __future__ import annotations

import io
import re
from functools import lru_cache

import chess
import chess.pgn

SQUARES = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
"""A character for each square, a1 first, row by row."""
PROMOTIONS = {"!": chess.QUEEN, "#": chess.ROOK, "$": chess.BISHOP, "%": chess.KNIGHT}
"""Before the squares of a move: what a pawn becomes."""
MARKS = {piece: mark for mark, piece in PROMOTIONS.items()}
MOVE = re.compile(r"([!#$%]?)(.)(.)")
MOST_PLIES = 400
"""Moves that are kept with a game. Of a longer one those are that repetition is counted by."""
BACK_PLIES = 40
"""Of a longer one, the last moves that can be taken back."""

START_PLIES = 300
"""Moves of a game that is gone on from: some 20 ms to read."""
BOARDS = 256
"""Boards that are remembered, of some 20 KB in a long game."""


class NoStart(ValueError):
    """The text is neither a position nor a game from which play can go on; it says why."""


class _Strict(chess.pgn.GameBuilder[chess.pgn.Game]):
    """No longer than it may be, variations counted: an edge reads what somebody sends."""

    def __init__(self) -> None:
        super().__init__()
        self._plies = 0

    def handle_error(self, error: Exception) -> None:
        raise NoStart(f"the game cannot be played: {error}") from error

    def visit_move(self, board: chess.Board, move: chess.Move) -> None:
        self._plies += 1
        if self._plies > START_PLIES:
            raise NoStart(f"the game has more than {START_PLIES} moves of either side: take the position (FEN)")
        super().visit_move(board, move)


def packed(move: chess.Move) -> str:
    """Two characters, or three with a promotion."""
    return MARKS.get(move.promotion or 0, "") + SQUARES[move.from_square] + SQUARES[move.to_square]


def unpacked(moves: str) -> list[chess.Move]:
    return [
        chess.Move(SQUARES.index(start), SQUARES.index(end), PROMOTIONS.get(mark))
        for mark, start, end in MOVE.findall(moves)
    ]


@lru_cache(64)
def start_of(text: str) -> chess.Board:
    """The board with which `text` has play go on: a position (FEN), a game (PGN), the usual one for nothing. Never to
    be changed. Raises NoStart."""
    if not text.strip():
        return chess.Board()
    if re.fullmatch(r"\s*[1-8pnbrqkPNBRQK/]+ [wb] \S+ \S+( \d+ \d+)?\s*", text):
        try:
            board = chess.Board(text.strip())
        except ValueError as error:
            raise NoStart(f"the position cannot be read: {error}") from error
    else:
        try:
            game = chess.pgn.read_game(io.StringIO(text), Visitor=_Strict)
        except ValueError as error:
            raise NoStart(str(error)) from error
        if game is None or not game.variations:
            raise NoStart("there is neither a position (FEN) nor a game (PGN)")
        board = game.end().board()
    if type(board) is not chess.Board or board.chess960 or not board.is_valid():
        raise NoStart("the position is not one of chess")
    if ending(board):
        raise NoStart("the game is over already")
    return board


@lru_cache(BOARDS)
def board_of(start: str, moves: str) -> chess.Board:
    """The board after `moves`. Never to be changed."""
    if not moves:
        return start_of(start)
    last = 3 if moves[-3:-2] in MARKS.values() else 2
    board = board_of(start, moves[:-last]).copy()  # Most often it is there: a game goes on from its last move.
    board.push(unpacked(moves[-last:])[0])
    return board


def ending(board: chess.Board) -> str:
    """Why the game is over by rule; empty while it is not."""
    if board.is_checkmate():
        return "checkmate"
    if board.is_stalemate():
        return "stalemate"
    if board.is_insufficient_material():
        return "insufficient_material"
    if board.is_seventyfive_moves():
        return "seventy_five_moves"
    return "fivefold_repetition" if board.is_fivefold_repetition() else ""


def claim(board: chess.Board) -> str:
    """Why the player to move may claim a draw; empty where they may not."""
    if board.is_repetition(3):
        return "threefold_repetition"
    return "fifty_moves" if board.is_fifty_moves() else ""


def shortened(start: str, moves: str) -> tuple[str, str]:
    """The same game, begun later where it has grown too long: all that repetition is counted by is kept, also after the
    last moves are taken back."""
    played = unpacked(moves)
    if len(played) <= MOST_PLIES:
        return start, moves
    board = board_of(start, moves).copy()
    for _ in range(BACK_PLIES):
        board.pop()
    kept = min(BACK_PLIES + board.halfmove_clock, len(played))
    for _ in range(kept - BACK_PLIES):
        board.pop()
    return board.fen(), "".join(map(packed, played[len(played) - kept :]))


def before(moves: str, plies: int) -> str | None:
    """The moves without the last `plies`; None where so many are not there. All that repetition is counted by is: what
    they go on from is the usual start, or a position that a move led to after which none before it comes again."""
    played = unpacked(moves)
    return None if plies > len(played) else "".join(map(packed, played[: len(played) - plies]))


def pgn(board: chess.Board, number: int, result: str) -> str:
    """The game that led to the board, to be read by other programs. Players are named by their colours: the game knows
    seats, and no names."""
    game = chess.pgn.Game.from_board(board)
    game.headers.update(Event="Tavola", Site="-", Round=str(number), White="White", Black="Black", Result=result)
    return game.accept(chess.pgn.StringExporter(columns=None, comments=False, variations=False))
