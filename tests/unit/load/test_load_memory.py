"""The memory that tables and sockets are said to take, and how many processes they are spread over."""

from __future__ import annotations

import resource

import pytest

from tavola.load.checks.verdict import Verdict
from tavola.load.measure.limits import COMFORTABLE, OTHER_FILES, processes_for
from tavola.load.measure.memory import Memory, MemoryUse, add_memory, grown_kb
from tavola.load.measure.outcome import RunOutcome
from tavola.load.measure.scenario import Scenario
from tavola.load.measure.stats import Stats
from tavola.load.report.report import make_report


def held(*private_mb: float) -> MemoryUse:
    """So many processes that hold so much."""
    total = MemoryUse()
    for each in private_mb:
        total.add(MemoryUse(1, each + 20.0, each, each))
    return total


def memory() -> Memory:
    return {
        "empty": {"edges": held(50.0, 50.0)},
        "at rest": {"edges": held(60.0, 70.0), "actors": held(80.0, 120.0, 80.0)},
        "played": {"edges": held(60.0, 80.0), "actors": held(80.0, 140.0, 90.0)},
    }


def test_an_empty_process_is_not_counted() -> None:
    assert grown_kb(memory(), "at rest", "edges") == pytest.approx(30_000)
    assert grown_kb(memory(), "at rest", "actors") == pytest.approx(40_000), "the spare is what an empty one holds"
    assert grown_kb(memory(), "played", "actors") == pytest.approx(70_000)
    assert grown_kb(memory(), "played", "steward") is None


def test_parts_add_up() -> None:
    total: Memory = {}
    for _ in range(2):
        add_memory(total, {"empty": {"clients": held(30.0)}})
    assert total == {"empty": {"clients": MemoryUse(2, 100.0, 60.0, 30.0)}}


def test_the_report_says_it_by_table_and_by_socket() -> None:
    outcome = RunOutcome(Stats(), Verdict(), {}, 0.0, 2000, 0, 0, memory=memory())
    outcome.stats.tables_up = 1000
    report = make_report(Scenario(urls=(), tables=1000), outcome)
    assert (report.footprint["at rest"].kb_per_table, report.footprint["at rest"].kb_per_socket) == (40.0, 15.0)
    assert (report.footprint["played"].kb_per_table, report.footprint["played"].kb_per_socket) == (70.0, 20.0)


def test_as_many_processes_as_the_sockets_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1 << 20))
    assert [processes_for(sockets) for sockets in (1, COMFORTABLE, COMFORTABLE + 1, 60_000)] == [1, 1, 2, 6]
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, OTHER_FILES + 100))
    assert processes_for(1000) == 10
