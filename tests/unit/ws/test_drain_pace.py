"""The pace at which an edge that ends lets its sockets go, beside others that take up so many a second."""

from __future__ import annotations

from collections import deque

import pytest

from tavola.edge.ws.drain_pace import AWAY_S, FIRST, NOBODY_S, DrainPace
from tavola.edge.ws.leaving import BATCH_S, LOOK_S

STEP_S = 0.01
BEAT_S = 0.5
HANDSHAKE_S = 0.1
OTHERS = 1_000


class Drain:
    """An edge ends, and others that say twice a second how many sockets they have take up `a_second` of its."""

    def __init__(self, sockets: int, taken_a_second: float, *, within_s: float = 60.0, known: bool = True) -> None:
        pace, waiting = DrainPace(sockets, 1_000, within_s, 0.0), deque[float]()
        self.away: list[float] = []
        """Of each socket that came back, for how long."""
        self.sizes: list[int] = []
        beat, free = 0, 0.0
        for step in range(round(300 / STEP_S)):
            now = step * STEP_S
            if step % round(BEAT_S / STEP_S) == 0:
                beat = len(self.away)
            if step % round(LOOK_S / STEP_S) == 0:
                pace.seen(OTHERS + beat if known else None, now)
            if step and step % round(BATCH_S / STEP_S) == 0 and sum(self.sizes) < sockets:
                self.sizes.append(pace.step(now))
                waiting.extend([now] * self.sizes[-1])
            free = min(free + taken_a_second * STEP_S, 1.0 + taken_a_second * STEP_S)
            while free >= 1 and waiting and now - waiting[0] >= HANDSHAKE_S:
                self.away.append(now - waiting.popleft())
                free -= 1
            if len(self.away) == sockets or (sum(self.sizes) == sockets and not taken_a_second):
                break
        self.let_go_s = len(self.sizes) * BATCH_S
        self.gone = sum(self.sizes)


@pytest.mark.parametrize("taken_a_second", [200, 300, 600, 1_500])
def test_nobody_is_away_for_long_however_fast_the_others_are(taken_a_second: int) -> None:
    drain = Drain(10_000, taken_a_second)
    assert len(drain.away) == 10_000
    assert max(drain.away) < 2 * AWAY_S
    assert drain.let_go_s < 1.2 * 10_000 / min(taken_a_second, 1_000) + 5, "and they are kept busy"


def test_where_time_is_short_they_go_faster() -> None:
    drain = Drain(10_000, 200, within_s=20.0)
    assert drain.gone == 10_000
    assert drain.let_go_s <= 20 + BATCH_S


def test_where_nobody_comes_back_nobody_waits_for_that() -> None:
    drain = Drain(2_000, 0)
    assert FIRST <= sum(drain.sizes[: round(NOBODY_S / BATCH_S)]) < 3 * FIRST
    assert drain.let_go_s < NOBODY_S + 2_000 / 1_000 + 0.5


def test_where_nobody_knows_they_go_at_the_pace_that_is_set() -> None:
    drain = Drain(5_000, 10_000, known=False)
    assert max(drain.sizes) <= 1_000 * BATCH_S + 1
    assert drain.let_go_s < 5_000 / 1_000 + 2 * BATCH_S


@pytest.mark.parametrize("sockets", [0, 1, 99, 100, 12_345])
@pytest.mark.parametrize("within_s", [0.0, 0.05, 7.0])
def test_all_go_in_time(sockets: int, within_s: float) -> None:
    pace, now, gone = DrainPace(sockets, 1, within_s, 0.0), 0.0, 0
    while now < within_s + BATCH_S:
        now += BATCH_S
        gone += pace.step(now)
    assert gone == sockets


def test_what_is_forgotten_in_redis_meanwhile_stops_nothing() -> None:
    """The others' sockets seem to be gone for a moment, and are there again."""
    pace, gone = DrainPace(400, 1_000, 60.0, 0.0), 0
    for tenth, elsewhere in enumerate([10, 10, 60, None, None, 3, 40, 100, 160, 220, 280, 340, 400, 410], 1):
        pace.seen(elsewhere, tenth / 10)
        gone += pace.step(tenth / 10)
    assert gone == 400
