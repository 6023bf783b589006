from typing import Any

import msgspec
import pytest

from tavola.games.base import Entropy, Move, Outcome, Refusal, SeatIndex
from tavola.games.tictactoe import TicTacToe, TicTacToeOptions, TicTacToeState

GAME = TicTacToe()
OPTIONS = TicTacToeOptions()
X, O = SeatIndex(0), SeatIndex(1)
CHANCE = Entropy(bytes(32))


def accepted(outcome: Outcome[TicTacToeState] | Refusal) -> Outcome[TicTacToeState]:
    assert isinstance(outcome, Outcome), outcome
    return outcome


def begun() -> TicTacToeState:
    state = GAME.open(OPTIONS)
    for seat in (X, O):
        state = accepted(GAME.sit(state, OPTIONS, seat)).state
    return accepted(GAME.advance(state, OPTIONS, CHANCE)).state


def play(state: TicTacToeState, cells: list[int]) -> Outcome[TicTacToeState]:
    for cell in cells:
        seat = GAME.turn(state)
        assert seat is not None
        outcome = accepted(GAME.play(state, OPTIONS, seat, Move("mark", {"cell": cell}), CHANCE))
        state = outcome.state
    return outcome


def test_a_game_begins_by_itself_when_both_seats_are_taken() -> None:
    state = GAME.open(OPTIONS)
    assert GAME.advance_after_ms(state, OPTIONS) is None
    state = accepted(GAME.sit(state, OPTIONS, O)).state
    assert isinstance(GAME.advance(state, OPTIONS, CHANCE), Refusal)
    state = accepted(GAME.sit(state, OPTIONS, X)).state
    assert GAME.advance_after_ms(state, OPTIONS) == 3000
    outcome = accepted(GAME.advance(state, OPTIONS, CHANCE))
    assert [event.kind for event in outcome.events] == ["game_started"]
    assert outcome.new_turn
    assert [(r.number, r.ended) for r in outcome.rounds] == [(1, False)]
    assert GAME.turn(outcome.state) == X
    assert GAME.advance_after_ms(outcome.state, OPTIONS) is None
    assert isinstance(GAME.advance(outcome.state, OPTIONS, CHANCE), Refusal)


def test_seats() -> None:
    state = begun()
    taken = GAME.sit(state, OPTIONS, X)
    assert isinstance(taken, Refusal)
    assert taken.code == "seat_taken"
    assert isinstance(GAME.sit(state, OPTIONS, SeatIndex(2)), Refusal)
    assert GAME.seats(OPTIONS) == 2


def test_three_in_a_row_win() -> None:
    outcome = play(begun(), [0, 3, 1, 4, 2])
    assert outcome.events[-1].kind == "game_complete"
    assert outcome.result == {"winner": 0, "line": [0, 1, 2]}
    assert [(r.number, r.ended, r.record["winner"]) for r in outcome.rounds] == [(1, True, 0)]
    assert GAME.turn(outcome.state) is None
    assert not GAME.legal(outcome.state, OPTIONS, O)
    assert GAME.public(outcome.state, OPTIONS)["board"] == [0, 0, 0, 1, 1, None, None, None, None]


def test_a_full_board_is_a_draw() -> None:
    outcome = play(begun(), [0, 1, 2, 4, 3, 5, 7, 6, 8])
    assert outcome.result == {"winner": None, "line": []}


def test_a_win_with_the_last_cell_is_no_draw() -> None:
    outcome = play(begun(), [0, 1, 2, 3, 5, 4, 7, 6, 8])
    assert outcome.result == {"winner": 0, "line": [2, 5, 8]}


def test_who_begins_alternates() -> None:
    state = play(begun(), [0, 3, 1, 4, 2]).state
    again = accepted(GAME.advance(state, OPTIONS, CHANCE)).state
    assert GAME.turn(again) == O
    assert GAME.public(again, OPTIONS)["board"] == [None] * 9


def test_who_leaves_in_the_middle_forfeits() -> None:
    state = play(begun(), [4]).state
    outcome = accepted(GAME.stand(state, OPTIONS, X))
    assert outcome.vacated == (X,)
    assert outcome.result == {"winner": 1, "line": []}
    assert GAME.advance_after_ms(outcome.state, OPTIONS) is None
    assert isinstance(GAME.stand(outcome.state, OPTIONS, X), Refusal)


def test_who_leaves_between_games_just_leaves() -> None:
    outcome = accepted(GAME.stand(play(begun(), [0, 3, 1, 4, 2]).state, OPTIONS, O))
    assert (outcome.vacated, outcome.events, outcome.result) == ((O,), (), None)


@pytest.mark.parametrize("cell", [4, 9, -1, True, 1.0, "1", None, [0], 10**30])
def test_only_a_free_cell_can_be_marked(cell: Any) -> None:
    state = play(begun(), [4]).state
    refused = GAME.play(state, OPTIONS, O, Move("mark", {"cell": cell}), CHANCE)
    assert isinstance(refused, Refusal)
    assert refused.code == "illegal_move"
    assert refused.details == {"choices": [0, 1, 2, 3, 5, 6, 7, 8]}


def test_other_refusals() -> None:
    state = begun()
    for seat, move, code in ((O, Move("mark", {"cell": 0}), "not_your_turn"), (X, Move("fold"), "illegal_move")):
        refused = GAME.play(state, OPTIONS, seat, move, CHANCE)
        assert isinstance(refused, Refusal)
        assert refused.code == code
    assert isinstance(GAME.play(state, OPTIONS, X, Move("mark"), CHANCE), Refusal)


def test_legal_is_what_play_accepts_and_the_timeout_move_is_legal() -> None:
    state = begun()
    while (seat := GAME.turn(state)) is not None:
        [legal] = GAME.legal(state, OPTIONS, seat)
        for cell in range(-1, 10):
            outcome = GAME.play(state, OPTIONS, seat, Move("mark", {"cell": cell}), CHANCE)
            assert isinstance(outcome, Outcome) == (cell in legal["cell"]["choices"])
        move = GAME.timeout_move(state, OPTIONS, seat)
        assert move.arguments["cell"] == min(legal["cell"]["choices"])
        before = msgspec.json.encode(state)
        outcome = accepted(GAME.play(state, OPTIONS, seat, move, CHANCE))
        assert msgspec.json.encode(state) == before
        state = msgspec.json.decode(msgspec.json.encode(outcome.state), type=TicTacToeState)
        assert state == outcome.state


def test_between_games_the_table_may_be_changed_and_nobody_sits_out() -> None:
    state = begun()
    assert not GAME.between_rounds(state)
    over = play(state, [0, 3, 1, 4, 2]).state
    assert GAME.between_rounds(over)
    changed = accepted(GAME.change_options(over, OPTIONS, TicTacToeOptions(rematch_seconds=9)))
    assert changed.state == over
    assert GAME.advance_after_ms(changed.state, TicTacToeOptions(rematch_seconds=9)) == 9000
    for refused in (
        GAME.sit_out(over, OPTIONS, X),
        GAME.sit_in(over, OPTIONS, X),
    ):
        assert isinstance(refused, Refusal)
        assert refused.code == "illegal_move"
    assert not GAME.sits_out(over, X)
