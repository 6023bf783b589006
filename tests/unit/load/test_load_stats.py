"""Latency: the histogram, and which arrival is the last."""

from __future__ import annotations

import random

import pytest

from tavola.load.bots.arrivals import KEEP, Arrivals
from tavola.load.measure.stats import Histogram, Stats


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def table(followers: int) -> tuple[Arrivals, Clock, list[float]]:
    clock, latencies = Clock(), list[float]()
    arrivals = Arrivals(lambda seconds: latencies.append(round(seconds, 9)), clock)
    arrivals.start(followers, after=10)
    return arrivals, clock, latencies


@pytest.mark.parametrize("ack_at", [0, 1, 2, 3])
def test_the_last_arrival_counts_wherever_the_ack_comes(ack_at: int) -> None:
    arrivals, clock, latencies = table(3)
    for turn in range(4):
        clock.now += 0.001
        if turn == ack_at:
            arrivals.acked(11, 100.0)
        if turn < 3:
            arrivals.arrived(11)
    assert latencies == [0.003]


def test_updates_that_are_nobodys_action_are_not_counted() -> None:
    arrivals, _, latencies = table(1)
    arrivals.arrived(11)
    arrivals.arrived(12)
    arrivals.acked(12, 99.0)
    assert latencies == [1.0]


def test_nothing_from_before_the_start_is_counted() -> None:
    arrivals, _, latencies = table(2)
    for seq in (9, 10):
        arrivals.acked(seq, 99.0)
        arrivals.arrived(seq)
        arrivals.arrived(seq)
    assert latencies == []


def test_who_came_early_counts_when_the_table_starts() -> None:
    clock, latencies = Clock(), list[float]()
    arrivals = Arrivals(latencies.append, clock)
    arrivals.arrived(11)
    arrivals.start(2, after=10)
    arrivals.arrived(11)
    arrivals.acked(11, 99.0)
    assert latencies == [1.0]


def test_an_update_that_never_reaches_everyone_is_forgotten_at_last() -> None:
    arrivals, _, latencies = table(2)
    arrivals.acked(11, 99.0)
    arrivals.arrived(11)
    for seq in range(12, 13 + 3 * KEEP):
        arrivals.arrived(seq)
        arrivals.arrived(seq)
    arrivals.arrived(11)
    assert latencies == []
    assert len(arrivals._complete) <= 2 * KEEP


def test_quantiles_are_within_one_percent() -> None:
    chance, histogram = random.Random(1), Histogram()
    values = sorted(chance.lognormvariate(-6, 1) for _ in range(20_000))
    for value in values:
        histogram.record(value)
    for share in (0.5, 0.9, 0.99):
        exact = values[int(share * len(values)) - 1]
        assert histogram.quantile(share) == pytest.approx(exact, rel=0.01)
    assert histogram.quantile(1.0) == pytest.approx(values[-1], rel=0.01)
    assert histogram.longest == values[-1]
    assert histogram.percentiles().count == len(values)


def test_the_ends_of_the_histogram() -> None:
    histogram = Histogram()
    assert histogram.percentiles().p99 == 0.0
    for value in (0.0, 1e-9, 1e9):
        histogram.record(value)
    assert histogram.quantile(0.5) == 1e-5
    assert histogram.count == 3


def test_only_what_is_measured_is_counted() -> None:
    stats = Stats()
    for _ in range(2):
        stats.acted(0.1)
        stats.everyone_has_it(0.1)
        stats.hand_ended()
        stats.refused("stale_turn")
        stats.measuring = True
    assert (stats.actions, stats.acks.count, stats.everyone.count, stats.hands) == (1, 1, 1, 1)
    assert stats.refusals == {"stale_turn": 1}
