"""The mark of code: the same for the same files wherever they lie, another when one of them is another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tavola.config import code_mark as code


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("tavola/actors/host.py", "tavola/storage/sql/room.sql", "mine/nim.py", "one.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    monkeypatch.setattr(code, "_PROGRAM", tmp_path / "tavola")
    monkeypatch.setenv("TAVOLA_GAMES", "mine.nim:Nim, one:One, gone:Gone")
    monkeypatch.setenv("TAVOLA_GAMES_PATH", str(tmp_path))
    monkeypatch.setattr("sys.path", [str(tmp_path / "site")])
    return tmp_path


@pytest.mark.parametrize("name", ["tavola/actors/host.py", "tavola/storage/sql/room.sql", "mine/nim.py", "one.py"])
def test_a_file_that_changes_changes_it(program: Path, name: str) -> None:
    before, seen = code.on_disk(), code.seen_on_disk()
    (program / name).write_text("longer than it was before")
    assert code.on_disk() != before
    assert code.seen_on_disk() != seen


def test_a_file_that_no_server_runs_does_not(program: Path) -> None:
    before = code.on_disk()
    for name in ("tavola/actors/__pycache__/host.pyc", "tavola/load/run.py", "tavola/edge/page.js", "two.py"):
        (program / name).parent.mkdir(parents=True, exist_ok=True)
        (program / name).write_text("x")
    os.utime(program / "one.py", (1, 1))
    assert code.on_disk() == before


def test_a_package_of_games_counts_by_its_version(program: Path) -> None:
    before = code.on_disk()
    for name, told in (
        ("other-1.dist-info", "[console_scripts]\n"),
        ("nim-1.dist-info", "[tavola.games]\nnim = nim:Nim"),
    ):
        folder = program / "site" / name
        folder.mkdir(parents=True)
        (folder / "entry_points.txt").write_text(told)
    first = code.on_disk()
    assert first != before
    (program / "site" / "nim-1.dist-info").rename(program / "site" / "nim-2.dist-info")
    assert code.on_disk() not in (first, before)


def test_files_are_read_again_when_one_of_them_is_another(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, read = code.CodeOnDisk(), list[str]()
    whole = code.on_disk

    def on_disk() -> str:
        read.append("read")
        return whole()

    monkeypatch.setattr(code, "on_disk", on_disk)
    first = disk.look()
    assert (disk.look(), disk.look(), len(read)) == (first, first, 1)
    (program / "one.py").write_text("another, and longer")
    assert disk.look() == whole() != first
    assert len(read) == 2


def test_this_process_knows_its_own() -> None:
    assert code.on_disk() == code.CODE
    assert len(code.CODE) == code.MARK_CHARS
