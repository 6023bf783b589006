"""`make … PYTHON=…`: the environment is of the Python that was asked for. The tests read from `make -n` what make
would do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where `make dev` has been before, with the Python of these tests."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    (tmp_path / ".venv" / "installed").touch()
    return tmp_path


def another(folder: Path, version: str) -> Path:
    """A Python that is of this version, as far as make asks it."""
    program = folder / "another"
    numbers = ", ".join(version.split("."))
    told = f"import sys; sys.version, sys.version_info = '{version} (main)', ({numbers}); exec(sys.argv[1])"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{told}" "$2"\n')
    program.chmod(0o755)
    return program


def would(folder: Path, *given: str) -> str:
    done = make(folder, "-n", "check", *given)
    assert done.returncode == 0, done.stderr
    return done.stdout


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHON", "MAKEFLAGS")}
    return subprocess.run(
        ["make", "-C", folder, *words], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_an_environment_that_is_there_is_used(folder: Path) -> None:
    assert ".venv/bin/ruff check" in would(folder)
    assert "venv .venv" not in would(folder)


def test_one_of_the_python_that_is_asked_for_is_used(folder: Path) -> None:
    assert "venv .venv" not in would(folder, f"PYTHON={sys.executable}")


def test_one_of_another_python_makes_way(folder: Path) -> None:
    program = another(folder, "3.13.99")
    lines = would(folder, f"PYTHON={program}").splitlines()
    removed = lines.index("rm -rf .venv")
    assert any(f"{program} -m venv .venv" in line for line in lines[removed:])


def test_for_a_python_that_is_too_old_nothing_makes_way(folder: Path) -> None:
    done = make(folder, ".venv", f"PYTHON={another(folder, '3.10.1')}")
    assert done.returncode != 0
    assert "Tavola needs Python 3.11 to 3.14" in done.stderr
    assert (folder / ".venv" / "installed").exists()
