"""The wheel, as a new user has it: in an environment of its own, from whatever folder, beside whatever project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

import pytest

from kit.stack import FOREIGN, Stack

ROOT = Path(__file__).parents[2]
FOLDERS = ("actors", "edge", "games", "load", "storage")
"""Of ours, linked into the package `tavola`; many a project has packages of these names."""
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "tavola", *FOLDERS)
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith((*FOREIGN, "PYTHON"))}
WHERE = "import importlib, sys; print(*(importlib.import_module(name).__file__ for name in sys.argv[1:]), sep='\\n')"
WORKERS_PATH = """
import ray
from tavola.config.settings import load
settings = load()
from tavola.actors.cluster.control_plane import join
join(settings)

@ray.remote(num_cpus=0)
def path():
    import sys
    return sys.path

print(*ray.get(path.remote()))
"""
"""Where a worker that we start from here looks for modules."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment in which the wheel is installed. The packages that the wheel needs are
    found in ours; we ourselves are not, for an editable install is a `.pth` file, and such files are not read there."""
    folder = tmp_path_factory.mktemp("wheel")
    _run(*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", folder / "wheel", _sources(folder / "sources"))
    venv.create(folder / "env", symlinks=True)
    found = _run(folder / "env/bin/python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    (Path(found.strip()) / "needed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    [wheel] = (folder / "wheel").iterdir()
    _run(*PIP, "--python", folder / "env/bin/python", "install", "--no-deps", "--no-index", wheel)
    return folder / "env/bin"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Somebody's own, with packages of theirs."""
    for name in FOLDERS:
        package = tmp_path / "project" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(f"raise RuntimeError('the {name} of the project')\n")
    return tmp_path / "project"


def test_it_is_the_wheel_that_runs(programs: Path, project: Path) -> None:
    modules = ("tavola", *(f"tavola.{folder}" for folder in FOLDERS))
    for module, found in zip(modules, _run(programs / "python", "-P", "-c", WHERE, *modules).split(), strict=True):
        assert Path(found).is_relative_to(programs.parent), module
    assert "the games of the project" in _fails(programs / "python", "-c", "import games", cwd=project)


def test_an_installed_tavola_has_one_name(programs: Path) -> None:
    [wheel] = (programs.parents[1] / "wheel").iterdir()
    with ZipFile(wheel) as packed:
        files = packed.namelist()
    assert {name.partition("/")[0] for name in files if ".dist-info/" not in name} == {"tavola"}
    for folder in FOLDERS:
        assert f"tavola/{folder}/__init__.py" in files
    assert not [name for name in files if name.startswith("tavola/load/bench")], "what we are measured against"


def test_a_game_is_played_from_an_empty_folder_beside_a_project(programs: Path, project: Path) -> None:
    empty = project.parent / "empty"
    empty.mkdir()
    with _playing([programs / "tavola"], cwd=empty):
        pass


@pytest.mark.long
def test_a_game_is_played_from_within_the_project(programs: Path, project: Path) -> None:
    with _playing([programs / "python", "-m", "tavola"], cwd=project) as stack:
        path = _run(programs / "python", "-P", "-c", WORKERS_PATH, cwd=project, **stack.described["environment"])
        assert str(project) not in path.split()
        assert str(programs.parent) in path, "the test sees where workers look"


@pytest.mark.long
def test_an_edge_that_waits_for_workers_in_vain_says_what_is_wrong_with_them(programs: Path, tmp_path: Path) -> None:
    """As when a room's process could not import its modules: the edge itself has nothing to tell."""
    [forker] = programs.parent.rglob("tavola/stack/fork_server.py")
    sound = forker.read_text()
    forker.write_text(f"if __name__ == '__main__':\n    raise ImportError('a planted one')\n{sound}")
    stack = Stack(tmp_path / "data")
    stack.program, stack.cwd = [programs / "tavola"], tmp_path
    try:
        with pytest.raises(AssertionError, match="edge 1 did not start: no answer within") as failed:
            stack.start()
        told = str(failed.value)
        assert f"  {tmp_path}/data/ray/data/r/s/logs/raylet.err ends:\n" in told
        assert "ImportError: a planted one" in told.partition("raylet.err ends:")[2]
        assert "a planted one" in (tmp_path / "data/ray/data/r/s/logs/raylet.err").read_text()
    finally:
        forker.write_text(sound)
        stack.stop()


@contextmanager
def _playing(tavola: Sequence[str | Path], cwd: Path) -> Iterator[Stack]:
    """A stack on which games have been played to their ends."""
    stack = Stack(cwd / ".tavola")
    stack.program, stack.cwd = tavola, cwd
    try:
        stack.start()
        told = _run(*tavola, "load", "--game", "tictactoe", "--hands", "3", "--url", stack.urls[0], cwd=cwd)
        assert "tavola load passed" in told
        yield stack
    finally:
        stack.stop()


def _sources(folder: Path) -> Path:
    """A copy, for a build writes into the folder that it builds from."""
    folder.mkdir()
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def _run(*command: str | Path, cwd: Path | None = None, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _fails(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    return done.stderr
