"""A server that does not start: where one may read why."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable
from pathlib import Path

import pytest

from tavola.stack.processes import PYTHON, ChildProcess, spawn
from tavola.stack.server import NotStarted, Server


class Program(Server):
    """A child that never answers."""

    name = "the program"
    stop_steps = ((signal.SIGTERM, 2.0), (signal.SIGKILL, 1.0))

    def __init__(self, folder: Path, code: str) -> None:
        self.log, self.other, self.quiet = (folder / name for name in ("its.log", "other.log", "quiet.log"))
        self._code = code

    async def start(self) -> str:
        url, _ = await self._listen(0)
        return url

    def _logs(self) -> Iterable[Path]:
        return (self.log, self.other, self.quiet)

    async def _spawn(self, port: int) -> ChildProcess:
        argv: list[str | Path] = [*PYTHON, "-c", self._code, self.other]
        return spawn(argv, log=self.log, env=os.environ, when_we_die=signal.SIGKILL)

    def _other_port(self, port: int) -> int:
        return port

    async def _answers(self, process: ChildProcess, port: int) -> str | None:
        return None


def why(program: Program) -> str:
    with pytest.raises(NotStarted) as failed:
        asyncio.run(program.start())
    return str(failed.value)


def test_one_that_ends_is_told_of_with_the_last_lines_of_this_start(tmp_path: Path) -> None:
    program = Program(tmp_path, "import sys; print('begins'); sys.exit('it has no disk')")
    program.log.write_text("a line of an earlier start\n")
    program.quiet.write_text("a line of an earlier start\n")
    assert why(program).splitlines() == [
        "the program did not start: it ended with exit code 1",
        f"  {program.log} ends:",
        "    begins",
        "    it has no disk",
    ]


def test_where_nothing_is_written_one_is_told_where_that_would_be(tmp_path: Path) -> None:
    program = Program(tmp_path, "import os; os.kill(os.getpid(), 9)")
    assert why(program).splitlines() == [
        "the program did not start: it ended with SIGKILL",
        *(f"  nothing was written to {log}" for log in (program.log, program.other, program.quiet)),
    ]


def test_of_a_long_log_the_end_is_shown(tmp_path: Path) -> None:
    told = why(Program(tmp_path, "print(*range(1000), sep='\\n'); raise SystemExit(1)"))
    assert told.splitlines()[-1] == "    999"
    assert len(told.splitlines()) < 20


def test_one_that_waits_in_vain_is_told_of_with_the_logs_of_what_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tavola.stack.server._READY_WITHIN", 2.0)
    code = "import signal, sys; print('no worker', file=open(sys.argv[1], 'w'), flush=True); signal.pause()"
    program = Program(tmp_path, code)
    assert why(program).splitlines() == [
        "the program did not start: no answer within 2 s",
        f"  {program.other} ends:",
        "    no worker",
    ]
    assert not program.runs
