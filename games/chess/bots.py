"""Two who play chess: one at random, and a modest one, by material and mobility, a move and its answers ahead."""

from __future__ import annotations

import chess

VALUES = {chess.PAWN: 100, chess.KNIGHT: 320, chess.BISHOP: 330, chess.ROOK: 500, chess.QUEEN: 900}
MOBILITY = 3
"""The worth of a move more to choose from; a pawn is 100."""
MATE = 1_000_000
CHANCE = 16
"""Moves that are so nearly the best are as good: which is played is a matter of chance."""


def modest(fen: str, chance: int) -> chess.Move:
    """The move whose best answer costs least, about."""
    board = chess.Board(fen)
    best, found = -2 * MATE, chess.Move.null()
    for move in sorted(board.legal_moves, key=lambda move: not board.is_capture(move)):
        chance, luck = divmod(chance, CHANCE)
        board.push(move)
        worth = -_answered(board, -best) + luck
        board.pop()
        if worth > best:
            best, found = worth, move
    return found


def _answered(board: chess.Board, limit: int) -> int:
    """The worth of the board for the player to move, after their best answer; no more than `limit` need be known."""
    if board.is_checkmate():
        return -MATE
    if board.is_stalemate() or board.is_insufficient_material() or board.is_repetition(2):
        return 0
    best = -MATE
    for move in sorted(board.legal_moves, key=lambda move: not board.is_capture(move)):
        board.push(move)
        best = max(best, -_worth(board))
        board.pop()
        if best >= limit:
            break
    return best


def _worth(board: chess.Board) -> int:
    """Material and mobility, for the player to move. A piece that hangs to them counts half."""
    if board.is_checkmate():
        return -MATE
    mine, theirs = board.turn, not board.turn
    material = sum(
        worth * (len(board.pieces(piece, mine)) - len(board.pieces(piece, theirs))) for piece, worth in VALUES.items()
    )
    hangs = max(
        (VALUES.get(piece.piece_type, 0) for square, piece in board.piece_map().items()
         if piece.color == theirs and board.is_attacked_by(mine, square) and not board.is_attacked_by(theirs, square)),
        default=0,
    )  # fmt: skip
    return material + MOBILITY * board.legal_moves.count() + hangs // 2
