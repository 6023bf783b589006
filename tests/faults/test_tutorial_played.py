"""The tutorial, done as it says: its game is put into a copy of the checkout, listed, and played by bots on a stack."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kit.examples import ROOT, example
from kit.stack import FOREIGN

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TUTORIAL = "docs/tutorial-first-game.md"
PARTS = ("actors", "edge", "games", "load", "storage", "tavola")
LISTED = re.compile(r"^(SHIPPED\b.*)\(Holdem\(\), TicTacToe\(\)\)", re.MULTILINE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy with the tutorial's first two steps done."""
    for part in PARTS:
        shutil.copytree(ROOT / part, tmp_path / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "games" / "nim.py").write_text(example(TUTORIAL, "class Nim"))
    registry = tmp_path / "games" / "registry" / "__init__.py"
    before = registry.read_text()
    listed = LISTED.sub(r"\1(Holdem(), TicTacToe(), Nim())", before)
    assert listed != before
    registry.write_text(
        listed.replace("from tavola.games.tic", "from tavola.games.nim import Nim\nfrom tavola.games.tic")
    )
    return tmp_path


@pytest.mark.timeout(300)
def test_bots_play_the_tutorials_game(checkout: Path) -> None:
    command = re.search(r"^\.venv/bin/tavola (load --game nim [^#]*)", example(TUTORIAL, "--game nim"), re.MULTILINE)
    assert command
    environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    done = subprocess.run(
        [sys.executable, "-m", "tavola", *command[1].split()],
        cwd=checkout,
        env={**environment, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
