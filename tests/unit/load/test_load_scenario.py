"""The small things of a run: moves, pace, verdict, and whose processes are counted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavola.client.frames import Json
from tavola.load.bots.moves import choose
from tavola.load.checks.verdict import Verdict
from tavola.load.measure.outcome import RunOutcome
from tavola.load.measure.processes import Processes, Usage, read_stack, roots_of
from tavola.load.measure.scenario import Scenario, think
from tavola.load.measure.stats import Stats
from tavola.load.report.report import as_json, judge, make_report
from tavola.load.run.worker_pool import shares


@given(st.integers(), st.integers(0, 50), st.integers(0, 1000))
def test_a_move_is_legal_in_each_of_its_arguments(seed: int, least: int, more: int) -> None:
    legal: list[Json] = [
        {"move": "fold"},
        {"move": "raise", "amount": {"min": least, "max": least + more}},
        {"move": "mark", "cell": {"choices": [1, 5]}},
    ]
    move = choose(Random(seed), legal)
    match move["move"]:
        case "fold":
            assert move == {"move": "fold"}
        case "raise":
            assert least <= move["amount"] <= least + more
        case "mark":
            assert move["cell"] in (1, 5)


def test_the_same_seed_makes_the_same_moves() -> None:
    legal: list[Json] = [{"move": "bet", "amount": {"min": 10, "max": 1000}}, {"move": "check"}]
    one, other = Random("7/0/1"), Random("7/0/1")
    assert [choose(one, legal) for _ in range(50)] == [choose(other, legal) for _ in range(50)]


@pytest.mark.parametrize(("text", "seconds"), [("0", (0, 0)), ("250", (0.25, 0.25)), ("100-400", (0.1, 0.4))])
def test_the_pace(text: str, seconds: tuple[float, float]) -> None:
    assert think(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "-5", "400-100", "1-2-3"])
def test_what_is_no_pace(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        think(text)


def test_one_table_in_ten_is_a_sample() -> None:
    scenario = Scenario(urls=("http://x",), tables=25, check="sample")
    assert [table for table in range(25) if scenario.checked(table)] == [0, 10, 20]


def test_the_pauses_are_left_out_unless_asked_for() -> None:
    assert Scenario(urls=()).room(0)["options"] == {"next_hand_seconds": 0}
    assert Scenario(urls=(), options={"next_hand_seconds": 3}).room(0)["options"] == {"next_hand_seconds": 3}
    assert Scenario(urls=(), games=("another",)).room(0)["options"] == {}


def test_a_run_without_a_comparison_fails() -> None:
    verdict = Verdict()
    assert judge(verdict, tables_up=1) == ["no view was compared with a fresh one"]
    verdict.made["views"] = 1
    assert judge(verdict, tables_up=1) == []
    verdict.violated("order", "r1", 4, "Bot 0.0", "hole")
    assert judge(verdict, tables_up=1) == ["1 violations of order"]


def test_every_breach_is_counted_though_not_all_are_kept() -> None:
    verdict = Verdict()
    for seq in range(1000):
        verdict.violated("order", "r1", seq, "Bot 0.0", "hole")
    assert verdict.failed["order"] == 1000
    assert len(verdict.violations) == 200


def test_processes_are_counted_by_kind_with_their_children(tmp_path: Path) -> None:
    spin = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'input()']); print(flush=True); p.wait()"
    )
    command = [sys.executable, "-c", spin]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        stack_file = {"url": "http://x", "pids": {"ray": [999_999_999], "edges": [child.pid], "redis": None}}
        (tmp_path / "stack.json").write_bytes(msgspec.json.encode(stack_file))
        stack = read_stack(tmp_path)
        assert stack is not None
        assert list(stack.roots()) == ["edges", "redis", "ray"]
        processes = Processes(lambda: roots_of(tmp_path, ("http://x",)))
        processes.start()
        usage = processes.usage()
        child.communicate(b"\n")
    assert usage["edges"].processes == 2
    assert usage["edges"].rss_mb > 1
    assert usage["edges"].cpu_s >= 0
    assert usage["clients"].processes == 1
    assert set(usage) == {"edges", "clients"}
    assert roots_of(tmp_path, ("http://another",)) == {}


def test_no_stack_no_processes(tmp_path: Path) -> None:
    assert read_stack(tmp_path) is None
    (tmp_path / "stack.json").write_text("{")
    assert read_stack(tmp_path) is None


def test_a_report_of_nothing_can_be_made() -> None:
    report = make_report(Scenario(urls=()), RunOutcome(Stats(), Verdict(), {}, 0.0, 0, 0, 0))
    assert not report.passed
    assert msgspec.json.decode(as_json(report))["actions"] == 0


def test_tables_are_dealt_out_to_processes() -> None:
    parts = shares(Scenario(urls=(), tables=10), 3)
    assert [(part.first, part.tables) for part in parts] == [(0, 4), (4, 3), (7, 3)]
    assert len(shares(Scenario(urls=(), tables=2), 5)) == 2


def test_parts_of_a_run_add_up() -> None:
    one, other = (RunOutcome(Stats(), Verdict(), {"clients": Usage(1.0, 1, 50.0)}, 10.0, 6, 100, 1) for _ in range(2))
    for part, action_s in ((one, 0.001), (other, 0.1)):
        part.stats.measuring = True
        part.stats.acted(action_s)
        part.stats.everyone_has_it(action_s)
        part.stats.came_back(action_s, whole=False, at_rest=False)
        part.stats.timeline.close()
        part.verdict.made["order"] += 2
        part.verdict.violated("order", "r", 1, "bot", "hole")
    other.seconds = 11.0
    one.add(other)
    assert (one.stats.actions, one.stats.acks.count, one.stats.acks.longest) == (2, 2, 0.1)
    assert one.stats.connects["resumed, under load"].count == 2
    assert sum(second.actions for second in one.stats.timeline.seconds) == 2
    assert one.verdict.made["order"] == 4
    assert one.verdict.failed["order"] == len(one.verdict.violations) == 2
    assert one.usage["clients"] == Usage(2.0, 2, 100.0)
    assert (one.seconds, one.sockets, one.frames, one.resent) == (11.0, 12, 200, 2)
