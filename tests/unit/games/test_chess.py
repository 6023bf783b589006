"""Chess: every end of a game, draws that are claimed, PGN in and out, a state that stays small."""

from __future__ import annotations

import io
from random import Random

import chess.pgn
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tavola.games.base import Entropy, Move, Outcome, Refusal, SeatIndex
from tavola.games.chess.game import Chess
from tavola.games.chess.positions import BACK_PLIES, MOST_PLIES, START_PLIES, board_of, claim, ending, packed, unpacked
from tavola.games.chess.state import ChessOptions, ChessState, board
from tavola.testing import Playing

GAME = Chess()
CHANCE = Entropy(bytes(range(32)))
MATED = "f2f3 e7e5 g2g4 d8h4"
KNIGHTS = "g1f3 g8f6 f3g1 f6g8 "


def options(start: str = "") -> ChessOptions:
    return msgspec.convert({"start": start}, ChessOptions)


def done(outcome: Outcome[ChessState] | Refusal) -> Outcome[ChessState]:
    assert isinstance(outcome, Outcome), outcome
    return outcome


def begun(start: str = "") -> ChessState:
    state = GAME.open(options(start))
    for seat in (0, 1):
        state = done(GAME.sit(state, options(start), SeatIndex(seat))).state
    return done(GAME.advance(state, options(start), CHANCE)).state


def arguments(uci: str) -> dict[str, str]:
    named = {"from": uci[:2], "to": uci[2:4]}
    return named | ({"promotion": uci[4]} if uci[4:] else {})


def played(moves: str, start: str = "") -> Outcome[ChessState]:
    state = begun(start)
    outcome = Outcome(state)
    for uci in moves.split():
        outcome = act(outcome.state, Move("go", arguments(uci)), start)
    return outcome


def act(state: ChessState, move: Move, start: str = "") -> Outcome[ChessState]:
    assert state.turn is not None
    entry = {"move": move.name, **move.arguments}
    assert entry in GAME.legal(state, options(start), state.turn), entry
    return done(GAME.play(state, options(start), state.turn, move, CHANCE))


@pytest.mark.parametrize(
    ("start", "moves", "winner", "reason"),
    [
        ("", MATED, 1, "checkmate"),
        ("k7/8/1Q6/8/8/8/8/K7 w - - 0 1", "b6c7", None, "stalemate"),
        ("8/8/8/4k3/8/8/3pK3/8 w - - 0 1", "e2d2", None, "insufficient_material"),
        ("k7/7R/8/8/8/8/8/K7 w - - 149 90", "h7g7", None, "seventy_five_moves"),
        ("", KNIGHTS * 4, None, "fivefold_repetition"),
    ],
)
def test_games_end_by_rule(start: str, moves: str, winner: int | None, reason: str) -> None:
    outcome = played(moves, start)
    assert outcome.result is not None
    assert (outcome.result["winner"], outcome.result["reason"]) == (winner, reason)
    assert outcome.state.turn is None
    [record] = outcome.rounds
    assert (record.ended, record.record) == (True, outcome.result)
    read = chess.pgn.read_game(io.StringIO(outcome.result["pgn"]))
    assert read is not None
    assert read.errors == []
    assert [move.uci() for move in read.mainline_moves()] == moves.split()
    assert read.headers["Result"] == {None: "1/2-1/2", 0: "1-0", 1: "0-1"}[winner]


@pytest.mark.parametrize(
    ("start", "moves", "reason"),
    [
        ("", KNIGHTS * 2, "threefold_repetition"),
        ("k7/7R/8/8/8/8/8/K7 w - - 99 90", "h7g7", "fifty_moves"),
    ],
)
def test_a_draw_is_claimed_when_it_may_be(start: str, moves: str, reason: str) -> None:
    *before, _ = moves.split()
    early = played(" ".join(before), start).state
    assert early.turn is not None
    assert isinstance(GAME.play(early, options(start), early.turn, Move("claim_draw"), CHANCE), Refusal)
    claimed = act(played(moves, start).state, Move("claim_draw"), start)
    assert claimed.result is not None
    assert (claimed.result["winner"], claimed.result["reason"]) == (None, reason)


def test_castling_en_passant_and_promotion_are_moves() -> None:
    castled = played("e2e4 e7e5 g1f3 b8c6 f1c4 f8c5 e1g1").state
    assert board(castled, options()).fen().startswith("r1bqk1nr/pppp1ppp/2n5/2b1p3/2B1P3/5N2/PPPP1PPP/RNBQ1RK1")
    passed = played("e2e4 a7a6 e4e5 d7d5 e5d6")
    assert board(passed.state, options()).piece_at(chess.D5) is None
    assert passed.events[0].fields["san"] == "exd6"
    start = "8/P6k/8/8/8/8/8/K7 w - - 0 1"
    legal = [each for each in GAME.legal(begun(start), options(start), SeatIndex(0)) if each.get("from") == "a7"]
    assert [each["promotion"] for each in legal] == ["q", "r", "b", "n"]
    knighted = played("a7a8n", start).state
    assert board(knighted, options(start)).piece_at(chess.A8) == chess.Piece.from_symbol("N")


def test_time_that_is_over_loses_unless_the_other_could_never_mate() -> None:
    state = begun()
    lost = act(state, GAME.timeout_move(state, options(), SeatIndex(0)))
    assert lost.result is not None
    assert (lost.result["winner"], lost.result["reason"]) == (1, "resignation")
    alone = "k7/8/8/8/8/8/7R/K7 w - - 0 1"
    drawn = act(begun(alone), Move("resign"), alone)
    assert drawn.result is not None
    assert drawn.result["winner"] is None


def test_colours_change_and_who_leaves_forfeits() -> None:
    over = played(MATED).state
    second = done(GAME.advance(over, options(), CHANCE)).state
    assert (second.white, second.turn, second.moves) == (1, 1, "")
    left = done(GAME.stand(second, options(), SeatIndex(1)))
    assert left.vacated == (1,)
    assert left.result is not None
    assert (left.result["winner"], left.result["reason"]) == (0, "forfeit")


def test_play_goes_on_from_a_game() -> None:
    pgn = '[Event "?"]\n\n1. e4 e5 2. Nf3 Nc6 *'
    state = begun(pgn)
    assert state.turn == 0
    assert GAME.public(state, options(pgn))["last"] == ["b8", "c6"]
    resigned = act(played("f1b5", pgn).state, Move("resign"), pgn)
    assert resigned.result is not None
    assert "1. e4 e5 2. Nf3 Nc6 3. Bb5 1-0" in resigned.result["pgn"]
    black = begun("rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1")
    assert black.turn == 1


@pytest.mark.parametrize(
    "start",
    [
        "hello", "1. e4 e5 2. Ke3 *", "8/8/8/8/8/8/8/K7 w - - 0 1", "k7/8/8/8/8/8/8/K7 w - - 0 1",
        "1. f3 e5 2. g4 Qh4# 0-1", '[Variant "Atomic"]\n\n1. e4 e5 *',
    ],
)  # fmt: skip
def test_a_start_that_is_none_is_no_option(start: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        options(start)


def test_a_long_game_stays_small_and_repetition_is_counted() -> None:
    chance, state, whole = Random(3), begun(), chess.Board()
    told = 0
    for _ in range(MOST_PLIES + 150):
        moves = [move for move in whole.legal_moves if not _ends(whole, move)]
        quiet = [move for move in moves if not whole.is_zeroing(move)]
        forward = [move for move in moves if whole.is_zeroing(move)]
        move = chance.choice(quiet if quiet and (whole.halfmove_clock < 90 or not forward) else forward)
        if len(whole.move_stack) > 1 and chance.random() < 0.5:
            last = whole.move_stack[-2]
            back = chess.Move(last.to_square, last.from_square)
            move = back if back in quiet else move
        state = act(state, Move("go", arguments(move.uci()))).state
        whole.push(move)
        now = board(state, options())
        assert (now.fen(), claim(now)) == (whole.fen(), claim(whole))
        told += bool(claim(whole))
        if len(whole.move_stack) > MOST_PLIES:
            _taken_back(state, whole)
        assert len(msgspec.json.encode(state)) <= 1024
    assert state.base, "it was begun later, for it had grown too long"
    assert told, "some draws could be claimed"
    board_of.cache_clear()
    assert board(state, options()).fen() == whole.fen(), "as an actor reads it that has not seen it before"
    text = (KNIGHTS * 60 + "a7a8q").split()
    assert [move.uci() for move in unpacked("".join(packed(chess.Move.from_uci(uci)) for uci in text))] == text


def _taken_back(state: ChessState, whole: chess.Board) -> None:
    """So many moves are taken back as can be of any game, and what may be claimed is as it was."""
    before = whole.copy()
    for _ in range(BACK_PLIES // 2):
        before.pop()
        before.pop()
        assert state.turn is not None
        state = done(GAME.take_back(state, options(), state.turn)).state
        now = board(state, options())
        assert (now.fen(), claim(now)) == (before.fen(), claim(before))


def _ends(whole: chess.Board, move: chess.Move) -> bool:
    whole.push(move)
    try:
        return bool(ending(whole))
    finally:
        whole.pop()


def test_a_game_to_go_on_from_may_be_so_long() -> None:
    game = "Nf3 Nf6 Ng1 Ng8 " * (START_PLIES // 4)
    with pytest.raises(msgspec.ValidationError, match="the game is over already"):
        options(game)
    for longer in (game + "Nf3", f"1. e4 ({game}) 1. e4"):
        with pytest.raises(msgspec.ValidationError, match=f"more than {START_PLIES} moves"):
            options(longer)


def test_bots_play_what_is_legal_and_the_modest_one_takes_a_queen() -> None:
    start = "k7/8/8/3q4/4P3/8/8/K7 w - - 0 1"
    state = begun(start)
    legal = GAME.legal(state, options(start), SeatIndex(0))
    view = {"me": {"legal": legal}, "game": GAME.public(state, options(start))}
    assert GAME.bot("modest", view, CHANCE) == Move("go", {"from": "e4", "to": "d5"})
    for number in range(20):
        move = GAME.bot("random", view, Entropy(bytes([number] * 32)))
        assert {"move": "go", **move.arguments} in legal


def test_a_player_resigns_in_anybodys_turn_and_two_agree_on_a_draw() -> None:
    game, playing = Chess(), Playing(Chess)
    playing.sit(0)
    playing.sit(1)
    playing.advance()
    state, options = playing.state, playing.options
    for seat in (0, 1):
        over = game.resign(state, options, SeatIndex(seat))
        assert isinstance(over, Outcome)
        assert over.result is not None
        assert (over.result["winner"], over.result["reason"]) == (1 - seat, "resignation")
    drawn = game.draw(state, options)
    assert isinstance(drawn, Outcome)
    assert drawn.result is not None
    assert (drawn.result["winner"], drawn.result["reason"]) == (None, "agreement")
    assert isinstance(game.draw(drawn.state, options), Refusal)


@settings(max_examples=60, deadline=None)
@given(
    start=st.sampled_from(
        ["", "1. e4 e5 2. Nf3", "7k/P6p/8/8/8/8/p6P/7K w - - 0 1", "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1"]
    ),
    choices=st.lists(st.integers(0, 10**6), max_size=60),
    seat=st.sampled_from([SeatIndex(0), SeatIndex(1)]),
)
def test_what_is_taken_back_was_never_moved(start: str, choices: list[int], seat: SeatIndex) -> None:
    """The state is, byte by byte, that before the last move of the seat, with all that follows from it: what is legal,
    which draws may be claimed, and the game as PGN. Moved again it is as it was."""
    states, moves = [begun(start)], []
    for choice in choices:
        assert states[-1].turn is not None
        legal = [each for each in GAME.legal(states[-1], options(start), states[-1].turn) if each["move"] == "go"]
        chosen = legal[choice % len(legal)]
        move = Move("go", {name: value for name, value in chosen.items() if name != "move"})
        after = act(states[-1], move, start).state
        if after.turn is None:
            break
        states.append(after)
        moves.append(move)
    back = GAME.take_back(states[-1], options(start), seat)
    own = [ply for ply, state in enumerate(states[:-1]) if state.turn == seat]
    if not own:
        assert isinstance(back, Refusal)
        return
    then = states[own[-1]]
    assert done(back).new_turn
    state = done(back).state
    assert msgspec.msgpack.encode(state) == msgspec.msgpack.encode(then)
    assert GAME.legal(state, options(start), seat) == GAME.legal(then, options(start), seat)
    assert GAME.public(state, options(start)) == GAME.public(then, options(start))
    assert claim(board(state, options(start))) == claim(board(then, options(start)))
    assert GAME.draw(state, options(start)) == GAME.draw(then, options(start))
    for move in moves[own[-1] :]:
        state = act(state, move, start).state
    assert state == states[-1]


def test_a_draw_can_be_claimed_until_the_move_is_taken_back() -> None:
    thrice = played(KNIGHTS * 2).state
    assert claim(board(thrice, options()))
    back = done(GAME.take_back(thrice, options(), SeatIndex(1))).state
    assert not claim(board(back, options()))
    assert claim(board(act(back, Move("go", arguments("f6g8"))).state, options()))
    assert isinstance(GAME.take_back(played(MATED).state, options(), SeatIndex(0)), Refusal), "the game is over"
