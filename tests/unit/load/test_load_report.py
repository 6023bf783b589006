"""The reported cost of a run, also where processes were killed while it went on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import psutil
import pytest

from tavola.load.checks.verdict import Verdict
from tavola.load.measure.outcome import RunOutcome
from tavola.load.measure.processes import Processes, Usage
from tavola.load.measure.scenario import Scenario
from tavola.load.measure.stats import Stats
from tavola.load.report.report import as_json, make_report, show

WORK_S = 0.3
WORK = f"""
import sys, time
sys.stdin.readline()
while time.process_time() < {WORK_S}:
    pass
print(flush=True)
sys.stdin.read()
"""


@contextmanager
def worker() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        try:
            yield child
        finally:
            child.kill()


def work(child: subprocess.Popen[bytes]) -> None:
    """On return it has used WORK_S of a processor, and waits."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"\n")
    child.stdin.flush()
    child.stdout.readline()


def test_what_a_killed_process_used_until_the_last_reading_counts() -> None:
    with worker() as first, worker() as second:
        processes = Processes(lambda: {"edges": [first.pid, second.pid]})
        processes.start()
        for child in (first, second):
            work(child)
        processes.read()
        first.kill()
        first.wait()
        edges = processes.usage()["edges"]
        second.kill()
        second.wait()
        none_left = processes.usage()["edges"]
    assert edges.cpu_s > 1.5 * WORK_S, "both worked"
    assert (edges.processes, edges.ended) == (1, 1)
    assert none_left.cpu_s == pytest.approx(edges.cpu_s, abs=0.02)
    assert (none_left.processes, none_left.rss_mb, none_left.ended) == (0, 0.0, 2)


def test_one_that_came_and_was_killed_meanwhile_counts_too() -> None:
    pids: list[int] = []
    processes = Processes(lambda: {"edges": pids})
    processes.start()
    with worker() as child:
        pids.append(child.pid)
        work(child)
        processes.read()
    edges = processes.usage()["edges"]
    assert edges.cpu_s > 0.9 * WORK_S
    assert edges.ended == 1


def test_a_clock_that_is_set_makes_no_other_process_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """psutil counts a process's age from the moment of the boot, which moves when the clock is set."""
    with worker() as child:
        processes = Processes(lambda: {"edges": [child.pid]})
        work(child)
        processes.start()
        booted = psutil.boot_time()
        monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: booted + 1.0)
        edges = processes.usage()["edges"]
    assert edges.cpu_s < 0.5 * WORK_S
    assert edges.ended == 0


def test_a_lap_begins_where_the_one_before_ended() -> None:
    with worker() as child:
        processes = Processes(lambda: {"edges": [child.pid]})
        processes.start()
        work(child)
        laps = [processes.lap()["edges"], processes.lap()["edges"]]
        child.kill()
        child.wait()
        laps.append(processes.lap()["edges"])
    assert laps[0].cpu_s > 0.9 * WORK_S
    assert laps[1].cpu_s < 0.5 * WORK_S
    assert laps[2].ended == 1
    assert "edges" not in processes.lap()


def test_the_report_says_what_is_a_lower_bound(capsys: pytest.CaptureFixture[str]) -> None:
    usage = {"actors": Usage(2.0, 3, 100.0, ended=37), "edges": Usage(1.0, 1, 50.0), "clients": Usage(1.0, 1, 50.0)}
    stats = Stats()
    stats.actions = 1000
    report = make_report(Scenario(urls=()), RunOutcome(stats, Verdict(), usage, 10.0, 6, 100, 1))
    assert (report.costs["actors"].at_least, report.costs["edges"].at_least) == (True, False)
    assert (report.server_us_per_action, report.server_at_least) == (3000.0, True)
    assert msgspec.json.decode(as_json(report))["costs"]["actors"]["ended"] == 37
    show(report)
    shown = capsys.readouterr().out
    assert "≥ 2,000" in shown
    assert "≥ 3,000" in shown
    assert "≥ 1,000" not in shown
    assert "37 processes ended" in " ".join(shown.split())
    usage["actors"].ended = 0
    report = make_report(Scenario(urls=()), RunOutcome(stats, Verdict(), usage, 10.0, 6, 100, 1))
    show(report)
    assert "≥" not in capsys.readouterr().out
