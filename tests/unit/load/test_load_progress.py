"""The lines that are shown while a run goes on, and while it is judged."""

from __future__ import annotations

import asyncio
import contextlib
import sys

import pytest

from tavola.load.checks.verdict import Verdict
from tavola.load.measure import progress
from tavola.load.measure.progress import Judging, RunProgress, show
from tavola.load.measure.scenario import Scenario
from tavola.load.measure.stats import Stats
from tavola.load.run.run import Run


def test_while_all_is_well_one_line_says_how_they_play() -> None:
    stats = Stats()
    stats.tables_up, stats.measuring = 2, True
    (line,) = RunProgress(stats, Verdict(), 2).lines()
    assert line.startswith("2/2 tables")


def test_a_second_line_says_what_was_broken_and_what_came_of_it() -> None:
    stats, faults = Stats(), (0, 1000)
    shown = RunProgress(stats, Verdict(), 2, lambda: 7, lambda: faults)
    assert shown.lines()[1:] == ["0 of 1,000 faults  7 commands resent"]
    faults = (12, 1000)
    for _ in range(3):
        stats.lost(1006)
    assert shown.lines()[1:] == ["12 of 1,000 faults  3 connections lost  7 commands resent"]
    assert shown.lines()[0].startswith("opening"), "faults are no reason not to say the rest"


def test_without_faults_lost_connections_are_said_all_the_same() -> None:
    stats = Stats()
    stats.lost(4503)
    assert RunProgress(stats, Verdict(), 1).lines()[1:] == ["1 connections lost"]


def test_judging_says_which_room_of_how_many() -> None:
    judging = Judging(8)
    assert judging.lines() == ["judging  room 1 of 8"]
    judging.judged = 5
    assert judging.lines() == ["judging  room 6 of 8"]
    judging.judged = 8
    assert judging.lines() == ["judging  room 8 of 8"]


def test_elsewhere_than_on_a_terminal_all_is_one_plain_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PLAIN_S", 0.001)
    seen = asyncio.Event()

    def lines() -> list[str]:
        seen.set()
        return ["2/2 tables", "1 of 3 faults"]

    async def main() -> None:
        showing = asyncio.create_task(show(lines))
        await seen.wait()
        showing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await showing

    assert not sys.stdout.isatty()
    asyncio.run(main())
    assert capsys.readouterr().out.splitlines()[0] == "2/2 tables  1 of 3 faults"


async def test_a_run_tells_the_faults_that_it_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """The code that breaks things beside it sets `faults`."""
    monkeypatch.setattr(progress, "PLAIN_S", 0.001)
    told: list[str] = []

    run = Run(Scenario(urls=()))
    run.faults = lambda: (4, 9)
    said = asyncio.Event()

    def say(line: str, **_: object) -> None:
        told.append(line)
        said.set()

    async def play() -> None:
        await said.wait()
        raise ConnectionError

    monkeypatch.setattr(run, "play", play)
    monkeypatch.setattr("builtins.print", say)
    with pytest.raises(ConnectionError):
        await run.run()
    assert "4 of 9 faults" in told[0]
