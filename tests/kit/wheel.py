"""The wheel, installed as a new user has it: in an environment of its own; and what is run there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from kit.stack import FOREIGN, Stack

ROOT = Path(__file__).parents[2]
FOLDERS = ("actors", "edge", "games", "load", "storage")
"""Of ours, linked into the package `tavola`; many a project has packages of these names."""
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "tavola", "clients", *FOLDERS)
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith((*FOREIGN, "PYTHON"))}


def installed(folder: Path) -> Path:
    """The folder of programs of an environment in which the wheel is installed. The packages that the wheel needs are
    found in ours; we ourselves are not, for an editable install is a `.pth` file, and such files are not read there."""
    venv.create(folder / "env", symlinks=True)
    programs = folder / "env/bin"
    found = run(programs / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    (Path(found.strip()) / "needed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    add(programs, _copied(ROOT, folder / "sources", *BUILT_FROM))
    return programs


def add(programs: Path, sources: Path) -> Path:
    """Builds a wheel of sources that may be written to, and installs it there; gives the wheel."""
    wheels = sources.with_name(f"{sources.name}-wheel")
    run(*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", wheels, sources)
    [wheel] = wheels.iterdir()
    run(*PIP, "--python", programs / "python", "install", "--no-deps", "--no-index", wheel)
    return wheel


def add_guests(programs: Path) -> None:
    """Installs the project in tests/guest there."""
    guest = ROOT / "tests" / "guest"
    add(programs, _copied(guest, programs.parents[1] / "guest", *(path.name for path in guest.iterdir())))


@contextmanager
def playing(
    tavola: Sequence[str | Path], cwd: Path, *load: str, seconds: float = 100, **settings: str
) -> Iterator[Stack]:
    """A stack on which `tavola load` has played so, by itself, and found nothing."""
    stack = Stack(cwd / ".tavola", edges=1, **settings)
    stack.program, stack.cwd = tavola, cwd
    try:
        stack.start()
        told = run(*tavola, "load", *load, "--url", stack.urls[0], cwd=cwd, timeout=seconds)
        assert "tavola load passed" in told
        yield stack
    finally:
        stack.stop()


def run(
    *command: str | Path, cwd: Path | None = None, timeout: float = 100, environment: Mapping[str, str] | None = None
) -> str:
    done = _done(*command, cwd=cwd, timeout=timeout, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fails(*command: str | Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """The errors that it tells."""
    done = _done(*command, cwd=cwd, timeout=100, environment=environment)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr


def _done(
    *command: str | Path, cwd: Path | None, timeout: float, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    env = {**ENVIRONMENT, **(environment or {})}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout, check=False)


def _copied(source: Path, folder: Path, *names: str) -> Path:
    """A copy, for a build writes into the folder that it builds from."""
    folder.mkdir()
    for name in names:
        if (source / name).is_dir():
            shutil.copytree(source / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source / name, folder / name)
    return folder
