"""`tavola node keep` has a machine's parts run, again after they ended, and restarts them only after a change."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tavola.keeper import AGAIN_S, STAMP
from tavola.stack.processes import STACK_MARK, marked

PART = """\
#!/bin/sh
echo "$* by $SAID at $RAY_ADDRESS"
exec sleep 600
"""
CRONTAB = """\
#!/bin/sh
case $1 in -l) cat ~/crontab;; -) cat >~/crontab;; esac
"""
OPTIONS = ("--head", "--port=7777", "--resources={'a': 50%}")


class Machine:
    """A folder as `ray up` leaves it, and its user's crontab."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.here = home / "tavola"
        for place, text in ((self.here / ".venv/bin/tavola", PART), (home / "bin/crontab", CRONTAB)):
            place.parent.mkdir(parents=True)
            place.write_text(text)
            place.chmod(0o755)
        (home / "crontab").write_text("@daily of somebody else\n")
        self.settings("first")
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in (STACK_MARK, STAMP)},
            "HOME": str(home),
            "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        }

    def settings(self, said: str) -> None:
        (self.here / ".env").write_text(f"SAID='{said}'\n")

    def node(self, *words: str) -> str:
        argv = [sys.executable, "-m", "tavola", "node", *words]
        mark = {STACK_MARK: str(self.here)} if words == ("stop",) else {}
        told = subprocess.run(argv, cwd=self.here, env=self.environment | mark, capture_output=True, text=True)
        assert told.returncode == 0, told.stderr
        return told.stdout

    def parts(self) -> dict[int, psutil.Process]:
        """The processes that sleep there for a part each."""
        return {each.pid: each for each in marked(str(self.here)) if each.name() == "sleep" and "600" in each.cmdline()}

    def said(self, kind: str) -> list[str]:
        return (self.here / f"{kind}.log").read_text().splitlines()

    def crontab(self) -> list[str]:
        return (self.home / "crontab").read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    for process in marked(str(made.here)):
        process.kill()


def until(holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def test_all_parts_run_and_nothing_is_restarted_without_need(machine: Machine) -> None:
    machine.node("keep", *OPTIONS)
    until(lambda: len(machine.parts()) == len(AGAIN_S))
    first = machine.parts()
    assert machine.said("node") == [f"node {' '.join(OPTIONS)} --block by first at "]
    assert machine.said("edge") == ["edge by first at localhost:7777"]
    [theirs, ours] = machine.crontab()
    assert theirs == "@daily of somebody else"
    assert ours.startswith(f"@reboot cd {machine.here} && env ")
    assert r"50\%" in ours

    assert "nothing has changed" in machine.node("keep", *OPTIONS)
    assert machine.parts().keys() == first.keys()

    # After a reboot it is that line which is run, with hardly any environment.
    command = (
        ours.removeprefix("@reboot ").replace(r"\%", "%").replace(".venv/bin/tavola", f"{sys.executable} -m tavola")
    )
    subprocess.run(
        ["sh", "-c", command], env={"HOME": str(machine.home), "PATH": machine.environment["PATH"]}, check=True
    )
    assert machine.parts().keys() == first.keys(), "it is the same that runs already"

    # One that ends is started again, with what the settings are by then.
    machine.settings("second")
    [edge] = [each for each in first.values() if "edge" in " ".join(each.parent().cmdline())]
    edge.kill()
    until(lambda: machine.said("edge")[-1:] == ["edge by second at localhost:7777"])

    # They are others than those with which the rest was started.
    machine.node("keep", *OPTIONS)
    until(lambda: len(machine.parts()) == len(AGAIN_S))
    assert machine.parts().keys().isdisjoint(first)
    assert len(machine.crontab()) == 2

    machine.node("stop")
    assert not marked(str(machine.here))
    assert machine.crontab() == ["@daily of somebody else"]


@pytest.mark.parametrize(
    ("path", "text"), [("games/new.py", "new = 1"), (".venv/bin/tavola", PART + "#"), ("tavola.egg-info/x", "")]
)
def test_changed_code_is_a_change(machine: Machine, path: str, text: str) -> None:
    machine.node("keep", *OPTIONS)
    until(lambda: len(machine.parts()) == len(AGAIN_S))
    (machine.here / path).parent.mkdir(exist_ok=True)
    (machine.here / path).write_text(text)
    assert ("nothing has changed" in machine.node("keep", *OPTIONS)) == (not path.startswith("games"))


def test_ray_s_secret_is_in_no_crontab(machine: Machine) -> None:
    """It is in the environment of those who have sourced `.env`; a command line is for all to read."""
    machine.environment |= {"RAY_AUTH_TOKEN": "a secret", "RAY_AUTH_MODE": "token"}
    machine.node("keep", *OPTIONS)
    [_, ours] = machine.crontab()
    assert "RAY_AUTH_MODE=token" in ours
    assert "a secret" not in ours


def test_a_crontab_that_may_not_be_written_is_said(machine: Machine) -> None:
    crontab = machine.home / "bin/crontab"
    crontab.write_text("#!/bin/sh\necho not you >&2\nexit 1\n")
    assert "no crontab can be written on this machine" in machine.node("keep", *OPTIONS)
    until(lambda: len(machine.parts()) == len(AGAIN_S))


def test_it_keeps_nothing_where_nothing_is(tmp_path: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "tavola", "node", "keep"], cwd=tmp_path, capture_output=True, text=True
    )
    assert refused.returncode == 2
    assert refused.stderr == f"tavola: {tmp_path}: has no .env\n"
