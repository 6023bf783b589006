"""A stack's supervisor: what it says while a part cannot be started."""

from __future__ import annotations

from pathlib import Path

import pytest

from tavola.config.failures import Failure
from tavola.config.settings import Settings
from tavola.stack import dev_stack
from tavola.stack.dev_stack import DevStack
from tavola.stack.forks import Forks
from tavola.stack.local_ray import LocalRay
from tavola.stack.processes import STACK_MARK, ChildProcess
from tavola.stack.progress import StartProgress
from tavola.stack.server import Server


class Part(Server):
    name = "a part"

    def __init__(self, fails: int) -> None:
        self.fails = fails

    async def start(self) -> str:
        if self.fails:
            self.fails -= 1
            raise Failure("no space")
        return "there"

    async def _spawn(self, port: int) -> ChildProcess:
        raise AssertionError

    async def _answers(self, process: ChildProcess, port: int) -> str | None:
        raise AssertionError

    def _other_port(self, port: int) -> int:
        raise AssertionError


async def test_a_part_that_cannot_be_started_for_a_night_is_told_of_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(STACK_MARK, "a test's")
    monkeypatch.setattr(dev_stack, "_BACK_OFF", (0.0,))
    forks = Forks([], log=tmp_path / "forks.log", environment={})
    stack = DevStack(
        Settings(data_dir=tmp_path, port=0),
        LocalRay(tmp_path / "ray"),
        forks,
        forks,
        edges=1,
        bots=0,
        progress=StartProgress(),
    )
    assert await stack._start_again(Part(fails=500), 0) == "there"
    begins, told, there = capsys.readouterr().out.splitlines()
    assert (begins, told) == ("  … a part", "  ! no space")
    assert there.startswith("  ✓ a part ")
