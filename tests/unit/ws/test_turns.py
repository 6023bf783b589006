"""Turns in which rooms are asked after: the untold each time, the others now and then."""

from __future__ import annotations

import pytest

from tavola.edge.ws import turns
from tavola.edge.ws.turns import PollTurns


def test_nobody_tells_and_all_take_turns() -> None:
    asked = PollTurns(lambda: list(range(5)), lambda _: False)
    turn = []
    for _ in range(6):
        asked.look()
        turn.append(asked.untold(2))
    assert sorted(one for each in turn[:3] for one in each) == [0, 1, 2, 3, 4]
    assert sorted(one for each in turn[3:] for one in each) == [0, 1, 2, 3, 4]
    assert asked.told(5) == []


def test_the_rest_of_a_round_is_had_at_once() -> None:
    asked = PollTurns(lambda: list(range(5)), lambda _: False)
    asked.look()
    had = asked.untold(2)
    while more := asked.rest(2):
        had += more
    assert sorted(had) == [0, 1, 2, 3, 4]


def test_the_told_are_asked_after_now_and_then_each_in_its_turn() -> None:
    asked = PollTurns(lambda: list(range(10)), lambda one: one != 7)
    told = []
    for _ in range(5):
        asked.look()
        assert asked.untold(100) == [7]
        told += asked.told(2)
    assert sorted(told) == [0, 1, 2, 3, 4, 5, 6, 8, 9]


def test_one_that_is_told_of_no_more_is_found_and_one_that_has_gone_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "LOOKED_AT", 2)
    there, told = {0, 1, 2, 3}, {0, 1, 2, 3}
    asked = PollTurns(lambda: sorted(there), lambda one: one in told)
    for _ in range(2):
        asked.look()
        assert asked.untold(100) == []
    told.discard(1)
    there.discard(2)
    for _ in range(4):
        asked.look()
    assert asked.untold(100) == [1]
    there.discard(1)
    for _ in range(4):
        asked.look()
    assert asked.untold(100) == []
