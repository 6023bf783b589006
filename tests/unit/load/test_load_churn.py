"""The other things that players do: as they are asked for, and as the client does them."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tavola.client.follower import NOTHING_SEEN, Follower
from tavola.client.frames import Hydrated, Json, UpdateReceived, Updates
from tavola.client.view import FullView
from tavola.load.bots.arrivals import Arrivals
from tavola.load.bots.bot import Bot
from tavola.load.bots.churn import EVERY_S, parse
from tavola.load.bots.table import BotTable, TableDeps
from tavola.load.checks.verdict import CheckRecorder, Verdict
from tavola.load.measure.scenario import Scenario
from tavola.load.measure.stats import Histogram, Stats, Timeline


def test_churn_is_asked_for_by_kind_and_pace() -> None:
    assert parse("") == {}
    assert parse("reconnect, leave=30") == {"reconnect": EVERY_S["reconnect"], "leave": 30.0}


@pytest.mark.parametrize("text", ["earthquake", "leave=0", "leave=-1", "leave=x"])
def test_what_is_no_churn(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(text)


# A turn that runs out


class Seat:
    """A table of one bot, in seat 0, whose room only notes for which turns they acted."""

    def __init__(self, table: Any) -> None:
        self.acted: list[int] = []
        self.table = table
        self.bot: Bot[Any, Any] = Bot(
            table, cast(Any, SimpleNamespace()), Random(1), CheckRecorder(Verdict(), "r", "Ann")
        )
        self.view = FullView()
        self.bot.room = cast(Any, SimpleNamespace(view=self.view, seq=1, send=self._send))

    def turn(self, number: int, seat: int = 0) -> None:
        self.view.replace(
            {"turn": {"number": number, "seat_index": seat}, "me": {"seat_index": 0, "legal": [{"move": "fold"}]}}
        )
        self.bot.go_on()

    def _send(self, kind: str, fields: Json, _: object) -> Any:
        assert kind == "act"
        self.acted.append(fields["turn"])
        return SimpleNamespace(due_at=0.0)


def seated(rate: float | None = None) -> Seat:
    stats = Stats()
    house = TableDeps(Scenario(urls=("",), rate=rate), [cast(Any, None)], stats, Verdict(), cast(Any, None), {})
    table = BotTable(house, 0)
    table.idle = False
    table.arrivals = Arrivals(lambda _: None)
    return Seat(table)


def test_who_sleeps_lets_one_turn_run_out_and_plays_the_next() -> None:
    seat = seated()
    seat.turn(1)
    seat.bot.fall_asleep()
    seat.turn(1)
    assert seat.acted == [1]
    seat.turn(2)
    seat.bot._again()  # another try at something else does not wake them
    seat.turn(2)
    assert seat.acted == [1]
    seat.turn(3, seat=1)
    seat.turn(4)
    assert seat.acted == [1, 4]


def test_what_a_sleeper_keeps_waiting_is_not_the_servers_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("tavola.load.bots.table.time.perf_counter", lambda: now[0])
    seat = seated(rate=1000.0)
    seat.table._due = 100.0
    seat.bot.fall_asleep()
    seat.turn(1)
    now[0] = 103.0
    assert 0 < seat.table.due_in_s() < 1
    now[0] = 106.0
    assert seat.table.due_in_s() < -2, "without a sleeper it is"


# Connections


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
    follower.updates(Updates(room="r", updates=[UpdateReceived(room="r", seq=5, events=[])]))
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
    monkeypatch.setattr("tavola.load.measure.stats.time.time", lambda: now[0])
    timeline = Timeline()
    timeline.record(0.001)
    timeline.record(0.003)
    now[0] = 102.0
    timeline.record(0.5)
    timeline.close()
    assert [(second.at, second.actions, second.max) for second in timeline.seconds] == [(100, 2, 3.0), (102, 1, 500.0)]
