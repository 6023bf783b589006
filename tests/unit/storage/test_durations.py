"""The cost of persistence, as counts: where a duration falls, what is read out of that, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from tavola.storage.measures import BOUNDS_S, Durations, GameMeasures, Measures, measures_in


def durations(*seconds: float) -> Durations:
    made = Durations()
    for each in seconds:
        made.took(each)
    return made


def rows_of(measures: Measures) -> Iterable[dict[str, object]]:
    """As `measured` gives them."""
    for game, sums in json.loads(measures.text() or "{}").items():
        for name, value in sums.items():
            yield {"game": game, "name": name, "value": value}


def test_a_duration_falls_into_the_bucket_that_it_does_not_exceed() -> None:
    made = durations(0.0, 0.0005, 0.000501, 10.0, 10.1, 99.0)
    assert made.buckets == [2, 1, *[0] * (len(BOUNDS_S) - 3), 1, 2]
    assert (made.count, made.micros) == (6, 119_101_001)


def test_of_nothing_there_is_no_quantile() -> None:
    assert durations().quantile(0.5) is None


@pytest.mark.parametrize(
    ("made", "share", "expected"),
    [
        (durations(0.0015), 0.5, 0.00125),  # the middle of its bucket
        (durations(0.0015), 1.0, 0.0015),
        (durations(*[0.004] * 99, 0.04), 0.99, 0.005),
        (durations(*[0.004] * 98, 0.04, 0.04), 0.99, 0.0375),
        (durations(0.0001, 0.2), 0.5, 0.0005),
        (durations(60.0), 0.99, 10.0),  # all that is known: longer than the last bound
    ],
)
def test_a_quantile_is_as_exact_as_its_bucket(made: Durations, share: float, expected: float) -> None:
    assert made.quantile(share) == pytest.approx(expected)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99, 1.0])
def test_a_quantile_lies_in_the_bucket_of_the_duration_itself(share: float) -> None:
    seconds = [0.0002 * 1.09**step for step in range(120)]
    found, real = durations(*seconds).quantile(share), seconds[max(0, round(share * len(seconds)) - 1)]
    assert found is not None
    bounds = [0.0, *BOUNDS_S]
    low = max(bound for bound in bounds if bound < real)
    assert low <= found <= min(bound for bound in bounds if bound >= real)


def test_durations_since() -> None:
    before = durations(0.001, 3.0)
    more = durations(0.001, 3.0, 0.001, 0.02).since(before)
    assert (more.count, more.micros) == (2, 21_000)
    assert more.buckets == durations(0.001, 0.02).buckets


def test_the_sums_come_back_as_they_were_told() -> None:
    measures = Measures()
    assert measures.text() is None
    one = measures["holdem"]
    one.logged(3, 1200)
    one.replays, one.repairs = 2, 1
    one.commits.took(0.0021)
    one.commits.took(77.0)
    one.loads.took(0.0004)
    measures["tictactoe"].logged(1, 10)
    again = measures_in(rows_of(measures))
    assert again.text() == measures.text()
    assert (again["holdem"].commits.buckets, again["holdem"].loads.micros) == (one.commits.buckets, 400)


def test_what_another_release_counts_is_left_out() -> None:
    names = ("rows", "saves", "commits 0.0021", "commits", "commits us of", "rows us", "commits 0.005")
    [(game, found)] = measures_in([{"game": "g", "name": name, "value": 7} for name in names]).items()
    assert (game, found.sums()) == ("g", {"rows": 7, "commits 0.005": 7})


@pytest.mark.parametrize("what", ["rows", "bytes", "replays", "repairs", "commits", "loads"])
def test_counts_that_do_not_go_on_from_others_are_known(what: str) -> None:
    def counted(times: int) -> GameMeasures:
        made = GameMeasures()
        made.logged(5, 5)
        for _ in range(times):
            if what in ("commits", "loads"):
                getattr(made, what).took(0.01)
            else:
                setattr(made, what, getattr(made, what) + 1)
        return made

    assert counted(1).less_than(counted(2))
    assert not counted(2).less_than(counted(2))
    assert not counted(2).less_than(counted(1))
