"""A room's memory of the answers that it gave."""

from __future__ import annotations

from tavola.actors.host.answers import REMEMBERED, Answered, Answers, Key
from tavola.actors.wire.commands import CommandId, Seq, UserId
from tavola.actors.wire.given import NOTHING_GIVEN, SeatGrant


def key(user: str, id: str) -> Key:
    return UserId(user), CommandId(id)


def test_what_was_given_is_given_again() -> None:
    answers = Answers()
    given = {
        key("ann", "1"): Answered(Seq(1), SeatGrant(0, "g"), 7),
        key("ann", "2"): Answered(Seq(2), NOTHING_GIVEN, 8),
        key("bea", "1"): Answered(Seq(3), NOTHING_GIVEN, 9),
    }
    for each, answered in given.items():
        assert not answers.remember(each, answered)
    assert {each: answers.get(each) for each in given} == given
    assert answers.get(key("bea", "2")) is None


def test_no_two_commands_are_taken_for_one() -> None:
    answers = Answers()
    answers.remember(key("ann 1", "2"), Answered(Seq(1), NOTHING_GIVEN, 7))
    assert answers.get(key("ann", "1 2")) is None


def test_the_oldest_is_forgotten_and_it_is_said() -> None:
    answers = Answers()
    forgot = [answers.remember(key("ann", str(n)), Answered(Seq(n), NOTHING_GIVEN, 8)) for n in range(REMEMBERED + 2)]
    assert forgot == [False] * REMEMBERED + [True] * 2
    assert len(answers) == REMEMBERED
    assert answers.get(key("ann", "1")) is None
    assert answers.get(key("ann", "2")) == Answered(Seq(2), NOTHING_GIVEN, 8)
