"""Phases as data: who acts, by which moves, and how a round goes on by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tavola.games.base import Event, Json, Move, Outcome, Refusal, Round, SeatIndex
from tavola.games.phases import LONGEST, Choice, Phase, Phases, joined
from tavola.games.stakes import CashedOut


class Vote(msgspec.Struct, frozen=True):
    """Three vote at once; the votes are counted; the first may count to ten, or not."""

    phase: str = "over"
    votes: tuple[int | None, ...] = (None, None, None)
    gone: int | None = None
    counted: int = 0


class No(msgspec.Struct, frozen=True):
    """There are no options."""


def told(kind: str) -> Event:
    return Event(kind)


def numbers(state: Vote, options: No, seat: SeatIndex) -> Sequence[Mapping[str, Json]]:
    return [{"number": {"min": 1, "max": 3}, "sure": True}, {"number": {"choices": [5, 8]}, "sure": False}]


def voted(state: Vote, options: No, seat: SeatIndex, move: Move) -> Outcome[Vote]:
    votes = tuple(move.arguments["number"] if at == seat else vote for at, vote in enumerate(state.votes))
    return Outcome(replace(state, votes=votes), (told("voted"),))


def counted(state: Vote, options: No) -> Outcome[Vote]:
    total = sum(vote or 0 for vote in state.votes)
    return Outcome(replace(state, counted=total), (told("counted"),), rounds=(Round(1, True, {}),))


def ended(state: Vote, options: No, seat: SeatIndex, move: Move) -> Outcome[Vote]:
    return Outcome(replace(state, votes=()), (told("ended"),))


def gone(state: Vote, options: No) -> tuple[SeatIndex, Move] | None:
    if state.gone is None or state.gone not in ROUND.to_act(state):
        return None
    return SeatIndex(state.gone), Move("vote", {"number": 2, "sure": True})


ROUND: Phases[Vote, No] = Phases(
    Phase(
        name="voting",
        acts=lambda vote: [SeatIndex(at) for at, given in enumerate(vote.votes) if given is None],
        moves={"vote": Choice(numbers, voted)},
        ends=counted,
        next="counting",
    ),
    Phase(name="counting", next=lambda vote: "ending" if vote.counted < 10 else "over"),
    Phase(
        name="ending",
        acts=lambda vote: [SeatIndex(0)] if vote.votes else [],
        moves={"end": Choice(lambda state, options, seat: [{}], ended)},
        next="over",
    ),
    Phase(name="over"),
    stand_in=gone,
)


def begun(gone: int | None = None) -> Vote:
    outcome = ROUND.enter("voting", Outcome(Vote(gone=gone), (told("begun"),)), No())
    assert outcome.new_turn
    return outcome.state


def vote(state: Vote, seat: int, number: Any, sure: Any = True) -> Outcome[Vote] | Refusal:
    return ROUND.play(state, No(), SeatIndex(seat), Move("vote", {"number": number, "sure": sure}))


def done(outcome: Outcome[Vote] | Refusal) -> Outcome[Vote]:
    assert isinstance(outcome, Outcome), outcome
    return outcome


def test_several_act_at_once_and_a_seat_that_has_chosen_does_no_more() -> None:
    state = begun()
    assert ROUND.to_act(state) == [0, 1, 2]
    first = done(vote(state, 1, 3))
    assert not first.new_turn, "the others' clocks run on"
    assert ROUND.to_act(first.state) == [0, 2]
    assert ROUND.legal(first.state, No(), SeatIndex(1)) == []
    again = vote(first.state, 1, 3)
    assert isinstance(again, Refusal)
    assert again.code == "not_your_turn"


def test_legal_names_the_moves_of_the_phase() -> None:
    assert ROUND.legal(begun(), No(), SeatIndex(0)) == [
        {"move": "vote", "number": {"min": 1, "max": 3}, "sure": True},
        {"move": "vote", "number": {"choices": [5, 8]}, "sure": False},
    ]


@pytest.mark.parametrize(
    ("number", "sure"), [(0, True), (4, True), (True, True), (2.0, True), (5, True), (1, False), (1, 1), ("5", False)]
)
def test_a_move_is_made_only_as_it_is_offered(number: Any, sure: Any) -> None:
    refused = vote(begun(), 0, number, sure)
    assert isinstance(refused, Refusal)
    assert refused.code == "illegal_move"


@pytest.mark.parametrize("move", [Move("end"), Move("vote"), Move("vote", {"number": 1})])
def test_so_is_one_of_another_phase_or_with_other_arguments(move: Move) -> None:
    refused = ROUND.play(begun(), No(), SeatIndex(0), move)
    assert isinstance(refused, Refusal)
    assert refused.code == "illegal_move"


def test_the_round_goes_on_through_phases_that_need_nobody() -> None:
    state = done(vote(done(vote(begun(), 0, 1)).state, 1, 8, False)).state
    last = done(vote(state, 2, 1))
    assert [event.kind for event in last.events] == ["voted", "counted"]
    assert last.rounds == (Round(1, True, {}),)
    assert (last.state.phase, last.new_turn) == ("over", True)
    assert ROUND.to_act(last.state) == ()


def test_the_next_phase_may_depend_on_what_came_of_the_last() -> None:
    state = done(vote(done(vote(done(vote(begun(), 0, 1)).state, 1, 1)).state, 2, 1)).state
    assert (state.phase, ROUND.to_act(state)) == ("ending", [0])
    over = done(ROUND.play(state, No(), SeatIndex(0), Move("end")))
    assert over.state.phase == "over"


def test_a_seat_without_a_player_is_played_for() -> None:
    state = begun(gone=2)
    assert (state.votes, ROUND.to_act(state)) == ((None, None, 2), [0, 1])
    left = ROUND.go_on(Outcome(replace(done(vote(begun(), 0, 1)).state, gone=1)), No())
    assert left.state.votes == (1, 2, None)


def test_two_outcomes_are_one() -> None:
    first = Outcome(Vote(), (told("a"),), vacated=(SeatIndex(1),), result={"won": 1}, anew=(SeatIndex(0),))
    then = Outcome(Vote("voting"), (told("b"),), new_turn=True)
    assert joined(first, then) == Outcome(
        Vote("voting"), (told("a"), told("b")), True, (), (SeatIndex(1),), {"won": 1}, (SeatIndex(0),)
    )


def test_nobody_s_chips_are_lost_on_the_way() -> None:
    first = CashedOut(Vote(), (told("a"),), vacated=(SeatIndex(1),), carried={SeatIndex(1): 5})
    for both in (joined(first, Outcome(Vote("voting"))), joined(Outcome(Vote()), first)):
        assert isinstance(both, CashedOut)
        assert (both.carried, both.vacated) == ({1: 5}, (1,))


def test_a_name_that_is_none_is_found_at_once() -> None:
    with pytest.raises(ValueError, match="nowhere"):
        Phases(Phase(name="a", next="nowhere"))
    with pytest.raises(ValueError, match="one name"):
        Phases(Phase(name="a"), Phase(name="a"))


def test_a_circle_is_no_way_to_hang() -> None:
    ends: list[str] = []

    def ended(state: Vote, options: No) -> Outcome[Vote]:
        ends.append(state.phase)
        return Outcome(state)

    there: Phases[Vote, No] = Phases(Phase(name="here", ends=ended, next="there"), Phase(name="there", next="here"))
    with pytest.raises(RuntimeError, match="circle"):
        there.enter("here", Outcome(Vote()), No())
    assert len(ends) == LONGEST // 2
