"""The wheel, as a new user has it: in an environment of its own, from whatever folder, beside whatever project."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from kit.stack import Stack
from kit.wheel import FOLDERS, fails, installed, playing, run

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

THREE_GAMES = ("--game", "tictactoe", "--hands", "3")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("wheel"))


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
    for module, found in zip(modules, run(programs / "python", "-P", "-c", WHERE, *modules).split(), strict=True):
        assert Path(found).is_relative_to(programs.parent), module
    assert "the games of the project" in fails(programs / "python", "-c", "import games", cwd=project)


def test_an_installed_tavola_has_one_name(programs: Path) -> None:
    [wheel] = (programs.parents[1] / "sources-wheel").iterdir()
    with ZipFile(wheel) as packed:
        files = packed.namelist()
    assert {name.partition("/")[0] for name in files if ".dist-info/" not in name} == {"tavola"}
    for folder in FOLDERS:
        assert f"tavola/{folder}/__init__.py" in files
    assert {"tavola/client/__init__.py", "tavola/client/py.typed"} <= set(files)
    assert not [name for name in files if name.startswith("tavola/load/bench")], "what we are measured against"


def test_a_game_is_played_from_an_empty_folder_beside_a_project(programs: Path, project: Path) -> None:
    empty = project.parent / "empty"
    empty.mkdir()
    with playing([programs / "tavola"], empty, *THREE_GAMES):
        pass


@pytest.mark.long
def test_a_game_is_played_from_within_the_project(programs: Path, project: Path) -> None:
    with playing([programs / "python", "-m", "tavola"], project, *THREE_GAMES) as stack:
        path = run(
            programs / "python", "-P", "-c", WORKERS_PATH, cwd=project, environment=stack.described["environment"]
        )
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
