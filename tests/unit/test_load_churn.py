"""What other things players do: as it is asked for, and as the client does it."""

from __future__ import annotations

import pytest

from load.churn import EVERY_S, parse
from load.follower import NOTHING_SEEN, Follower
from load.frames import Hydrated, Json, Update, Updates
from load.stats import Histogram, Stats, Timeline
from load.view import FullView


def test_churn_is_asked_for_by_kind_and_pace() -> None:
    assert parse("") == {}
    assert parse("reconnect, leave=30") == {"reconnect": EVERY_S["reconnect"], "leave": 30.0}


@pytest.mark.parametrize("text", ["earthquake", "leave=0", "leave=-1", "leave=x"])
def test_what_is_no_churn(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(text)


class Diary:
    def __init__(self) -> None:
        self.views: list[tuple[int, int]] = []
        self.faults = 0

    def updated(self, update: object) -> None: ...

    def hydrated(self, frame: Hydrated[Json], before: int) -> None:
        self.views.append((before, frame.seq))

    def faulted(self, fault: object) -> None:
        self.faults += 1


def test_who_has_forgotten_asks_for_everything_and_knows_what_he_missed() -> None:
    diary = Diary()
    follower: Follower[Json, list[Json]] = Follower(FullView(), diary)
    assert follower.asking() is None
    follower.hydrated(Hydrated(room="r", seq=4, view={}))
    assert follower.asking() == 4
    follower.updates(Updates(room="r", updates=[Update(room="r", seq=5, events=[])]))
    follower.forget()
    assert follower.asking() is None
    follower.hydrated(Hydrated(room="r", seq=9, view={}))
    assert diary.views == [(NOTHING_SEEN, 4), (5, 9)]
    assert follower.asking() == 9
    assert diary.faults == 0


def test_connections_are_told_apart_by_what_they_were() -> None:
    stats = Stats()
    stats.came_back(0.5, whole=False, at_rest=True)
    stats.came_back(0.5, whole=False, at_rest=False)  # nothing is measured yet
    stats.measuring = True
    stats.came_back(0.1, whole=True, at_rest=False)
    assert {kind: each.count for kind, each in stats.connects.items()} == {
        "resumed, at rest": 1,
        "whole, under load": 1,
    }


def test_histograms_add_up() -> None:
    one, other = Histogram(), Histogram()
    for _ in range(99):
        one.record(0.001)
    other.record(2.0)
    one.add(other)
    assert one.count == 100
    assert one.longest == 2.0
    assert one.quantile(0.5) == pytest.approx(0.001, rel=0.02)
    assert one.quantile(1.0) == pytest.approx(2.0, rel=0.02)


def test_a_second_knows_its_own_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.9]
    monkeypatch.setattr("load.stats.time.time", lambda: now[0])
    timeline = Timeline()
    timeline.record(0.001)
    timeline.record(0.003)
    now[0] = 102.0
    timeline.record(0.5)
    timeline.close()
    assert [(second.at, second.actions, second.max) for second in timeline.seconds] == [(100, 2, 3.0), (102, 1, 500.0)]
