"""`tavola new` and `tavola check`, as they are given: a project that plays at once, and one that is broken."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tavola.new import CannotMake, make


def tavola(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "tavola", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100, check=False)


def test_a_new_project_keeps_its_promises_and_its_tests_pass(tmp_path: Path) -> None:
    made = tavola("new", "pick-up", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "tavola dev --game pick_up.game:PickUp" in made.stdout
    project = tmp_path / "pick-up"
    checked = tavola("check", "pick_up.game:PickUp", "--games", "20", cwd=project)
    assert "pick_up.game:PickUp: nothing found in 20 games" in checked.stdout, checked.stderr
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=project, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert "2 passed" in tests.stdout, tests.stdout


def test_a_mistake_is_printed_as_a_test(tmp_path: Path) -> None:
    make("nim", tmp_path)
    game = tmp_path / "nim" / "game.py"
    text = game.read_text()
    game.write_text(text.replace('"max": min(3, state.stones)', '"max": 3'))
    assert game.read_text() != text
    checked = tavola("check", "nim.game:Nim", cwd=tmp_path)
    assert checked.returncode == 1, checked.stderr
    assert checked.stdout.startswith("nim.game:Nim: offered-refused\n")
    printed = "from nim.game import Nim" + checked.stdout.partition("from nim.game import Nim")[2]
    (tmp_path / "printed.py").write_text(f"{printed}\ntest_nim_offered_refused()\n")
    shown = subprocess.run([sys.executable, "printed.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "BrokenPromise: offered-refused: legal offers 'take', stones=" in shown.stderr
    told = json.loads(tavola("check", "nim.game:Nim", "--json", cwd=tmp_path).stdout)
    assert (told["found"], told["test"]) == ("offered-refused", printed.rstrip() + "\n")


@pytest.mark.parametrize("name", ["holdem", "class", "json", "tests", "Four!", "4", ""])
def test_a_name_that_would_be_in_the_way(name: str, tmp_path: Path) -> None:
    with pytest.raises(CannotMake):
        make(name, tmp_path / "project")
    assert not (tmp_path / "project").exists()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    make("nim", tmp_path)
    with pytest.raises(CannotMake, match="is not empty"):
        make("nim", tmp_path)


@pytest.mark.parametrize(
    ("named", "code", "said"),
    [
        ("nim", 2, "there is no game 'nim': give package.module:Game, or one of holdem, tictactoe"),
        ("nim.game:Nim", 1, "nim.game:Nim cannot be loaded: ModuleNotFoundError: No module named 'nim'"),
    ],
)
def test_a_game_that_cannot_be_tried(named: str, code: int, said: str, tmp_path: Path) -> None:
    checked = tavola("check", named, cwd=tmp_path)
    assert (checked.returncode, said in checked.stderr) == (code, True), checked.stderr
