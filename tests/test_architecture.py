"""The arrows: who may import whom, read from the source. Ray stays where it is, the pure stays pure."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"games", "actors", "storage", "edge", "load", "tavola"}
PURE = {
    "actors." + name
    for name in (
        "attendance", "clock", "commands", "grants", "hosting", "membership", "messages", "names", "opening", "play",
        "records", "room", "screen", "settings", "sitting", "state", "update", "view",
    )
}  # fmt: skip
IMPURE = {
    "asyncio",
    "datetime",
    "logging",
    "os",
    "random",
    "secrets",
    "socket",
    "structlog",
    "subprocess",
    "threading",
    "time",
    "uuid",
    "ray",
    "asyncpg",
    "redis",
    "starlette",
    "uvicorn",
}
BY_NAME = {"import_module", "__import__"}
RAY = {
    "actors.cluster",
    "actors.remote",
    "tavola.local_ray",
    "tavola.node",
    "load.floor.ray_call",
}
"""Who imports Ray: what is built on it, what starts it, and what measures an empty call of it."""
FOR_LOAD = {
    "storage.embedded_postgres",
    "storage.embedded_redis",
    "storage.sealing",
    "tavola.failures",
    "tavola.keys",
    "tavola.local_ray",
    "tavola.processes",
    "tavola.server",
}
"""What of the server's code `load` imports: the servers from wheels, to break them, what starts and ends programs, and
what opens the messages in Redis. Of the wire it needs nothing."""


def modules(*packages: str) -> list[str]:
    found = []
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
            found.append(name.removesuffix(".__init__"))
    assert found
    return found


def imports(module: str) -> Iterator[str]:
    """What a module imports, wherever in it, as full names; `from a import b` is `a.b` where that is a module. What is
    asked for by name counts as well."""
    path = ROOT / (module.replace(".", "/") + ".py")
    if not path.exists():
        path = ROOT / module.replace(".", "/") / "__init__.py"
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            assert node.module is not None
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if _is_module(full) else node.module
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in BY_NAME:
            names = [name.value for name in node.args if isinstance(name, ast.Constant)]
            yield from (name for name in names if isinstance(name, str))


def _is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def top(name: str) -> str:
    return name.partition(".")[0]


def ours(module: str) -> set[str]:
    return {name for name in imports(module) if top(name) in OURS}


def test_the_imports_are_read() -> None:
    """This test can fail: it sees what is there."""
    assert "actors.screen" in ours("actors.host")
    assert "ray" in set(imports("actors.remote"))
    assert "games.base" in ours("actors.play")


def test_no_module_bears_a_name_of_the_standard_library() -> None:
    """A module's folder stands first on `sys.path` when a file beside it is run as a script."""
    names = {path.stem for path in (ROOT / "tests").rglob("*.py")}
    names |= {part for module in modules(*OURS) for part in module.split(".")}
    assert {"connection", "kit_stack", "games"} <= names, "the test sees them"
    assert names & sys.stdlib_module_names == set()


def test_ray_is_imported_where_it_may_be() -> None:
    assert {module for module in modules(*OURS) if any(top(name) == "ray" for name in imports(module))} == RAY


def test_a_module_that_is_asked_for_by_name_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sly.py").write_text("import importlib\nray = importlib.import_module('ray')\n")
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    assert "ray" in set(imports("sly"))


@pytest.mark.parametrize("module", modules("games"))
def test_games_know_nothing_but_games(module: str) -> None:
    assert {top(name) for name in ours(module)} <= {"games"}
    assert not {top(name) for name in imports(module)} & IMPURE
    if module == "games.base":
        assert ours(module) == set()


@pytest.mark.parametrize("module", sorted(PURE))
def test_the_core_is_pure(module: str) -> None:
    assert not {top(name) for name in imports(module)} & IMPURE
    inner = {name for name in ours(module) if top(name) != "games"}
    assert inner <= PURE | ({"storage.commits"} if module == "actors.records" else set())


def test_the_vocabulary_knows_nothing() -> None:
    assert ours("actors.commands") <= {"games.base"}


@pytest.mark.parametrize("module", modules("actors"))
def test_actors_know_no_edge(module: str) -> None:
    assert not {top(name) for name in ours(module)} & {"edge", "load"}
    if any(top(name) == "tavola" for name in ours(module) - {"tavola.keys"}):
        assert module in ("actors.cluster", "actors.remote", "actors.steward"), "settings are read at the root"


def test_the_line_knows_neither_storage_nor_games() -> None:
    assert ours("actors.line") == {"actors.messages", "tavola.keys"}


def test_the_host_knows_no_ray() -> None:
    seen: set[str] = set()
    todo = ["actors.host"]
    while todo:
        module = todo.pop()
        if module not in seen:
            seen.add(module)
            todo += [name for name in ours(module) if top(name) in OURS]
    assert "actors.cluster" not in seen
    assert "actors.remote" not in seen
    assert not any(top(name) == "ray" for module in seen for name in imports(module))


@pytest.mark.parametrize("module", modules("storage"))
def test_storage_knows_rows_and_bytes(module: str) -> None:
    allowed = {"storage"} | ({"tavola"} if module.startswith("storage.embedded") else set())
    assert {top(name) for name in ours(module) - {"tavola.keys"}} <= allowed
    assert "ray" not in {top(name) for name in imports(module)}


@pytest.mark.parametrize("module", modules("edge"))
def test_an_edge_knows_no_game_and_no_host(module: str) -> None:
    assert not {name for name in ours(module) if top(name) in ("games", "load")} - {"games.base"}
    assert not ours(module) & {
        "actors.host",
        "actors.room",
        "actors.play",
        "actors.slot",
        "actors.view",
        "actors.remote",
    }
    if module != "edge.app":
        assert "actors.cluster" not in ours(module)
        assert "edge.app" not in ours(module)


def test_the_protocol_touches_no_socket() -> None:
    assert not {top(name) for name in imports("edge.protocol")} & {"starlette", "uvicorn", "asyncio", "ray", "storage"}


def test_load_is_a_client() -> None:
    assert {name for module in modules("load") for name in ours(module) if top(name) != "load"} == FOR_LOAD


def test_settings_are_a_leaf() -> None:
    assert ours("tavola.settings") <= {"tavola.failures", "tavola.keys"}
    assert ours("tavola.keys") == set()
    assert ours("tavola.failures") == set()


def test_sql_is_in_its_files() -> None:
    """Queries are named; nothing else speaks SQL."""
    words = ("SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ")
    for module in modules("actors", "edge", "games", "load"):
        path = ROOT / (module.replace(".", "/") + ".py")
        if path.exists():
            texts = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
            assert not [t for t in texts if isinstance(t, str) and t.lstrip().startswith(words)], module
