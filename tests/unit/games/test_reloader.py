"""Source that is saved is imported anew; what cannot be is told, and changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tavola.games.registry.discovery import Listed, WantedGames, found
from tavola.games.registry.reload import Reloader

GAME = (
    "from tavola.games.tictactoe import TicTacToe\nfrom saved_toe.words import TITLE\n\n"
    "class Toe(TicTacToe):\n    kind = 'saved_toe'\n    title = TITLE\n"
)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of a game, one word of which stands in a module of its own."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    folder = tmp_path / "saved_toe"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "game.py").write_text(GAME)
    (folder / "words.py").write_text("TITLE = 'one'\n")
    yield folder
    for module in [name for name in sys.modules if name.startswith("saved_toe")]:
        del sys.modules[module]


def saves(package: Path, text: str) -> None:
    """In the same second as before, and of the same size, as compiled code would not notice."""
    file = package / "words.py"
    whole_second = int(file.stat().st_mtime) * 10**9
    file.write_text(text)
    os.utime(file, ns=(whole_second + 1, whole_second + int(text[-3:-2].encode().hex(), 16)))


def titles(listed: tuple[Listed, ...] | None) -> list[str]:
    return [each.game.title for each in listed or () if each.game.kind == "saved_toe"]


@pytest.mark.parametrize("has_init", [True, False])
def test_what_is_saved_is_taken(package: Path, has_init: bool) -> None:
    if not has_init:
        (package / "__init__.py").unlink()
    named = ("saved_toe.game:Toe",)
    before = found(WantedGames(named, package.parent))
    reloader = Reloader(named, package.parent, before)
    assert reloader.saved() is None, "nothing was"
    saves(package, "TITLE = 'two'\n")
    assert titles(reloader.saved()) == ["two"]
    assert titles(before) == ["one"], "a game that runs is not touched"
    assert reloader.saved() is None
    saves(package, "TITLE = 'six'\n")
    assert titles(reloader.saved()) == ["six"]


def test_what_cannot_be_loaded_is_told_and_changes_nothing(package: Path) -> None:
    named = ("saved_toe.game:Toe",)
    reloader = Reloader(named, package.parent, found(WantedGames(named, package.parent)))
    kept = sys.modules["saved_toe.game"]
    saves(package, "TITLE = \n'two'\n")
    assert reloader.saved() is None
    assert reloader.fault is not None
    assert "SyntaxError" in str(reloader.fault)
    assert f'File "{package}/words.py", line 1' in str(reloader.fault)
    assert sys.modules["saved_toe.game"] is kept
    saves(package, "TITLE = 'ten'\n")
    assert titles(reloader.saved()) == ["ten"]
    assert reloader.fault is None


def test_rooms_that_share_an_actor_share_their_code(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tavola", "dev", "--reload", "--data-dir", "data"],
        cwd=tmp_path, env={**os.environ, "TAVOLA_ROOMS_PER_ACTOR": "2"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert (
        done.stderr == "tavola: TAVOLA_ROOMS_PER_ACTOR: must be 1 with --reload: rooms of one actor share their code\n"
    )
    assert not (tmp_path / "data").exists()
