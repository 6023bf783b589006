"""The plan of the house, held: which folder may import which, directly and through others, and what is never loaded
where.

A folder is a layer. `MAY_IMPORT` is the plan, from the ground up; the first line of each folder's `__init__` says the
same in words.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = {
    **{name: ROOT / name for name in ("actors", "edge", "games", "load", "storage")},
    **{name: ROOT / "tavola" / name for name in ("bots", "config", "logbook", "stack", "testing")},
    "client": ROOT / "clients" / "python" / "tavola_client",
}
POKER = {
    "poker", "holdem", "blind", "blinds", "ante", "antes", "pot", "pots", "flop", "preflop", "river", "street",
    "streets", "showdown", "fold", "folds", "folded", "muck", "bet", "bets", "betting", "bluff", "allin", "dealer",
    "deck", "decks", "holecards",
}  # fmt: skip
CHIPS = {"chip", "chips", "rebuy", "rebuys", "buyin"}
NAMES_OF_CHIPS = {
    # on the wire: commands and their fields, events, what a host may
    "Rebuy", "rebuy", "AdjustChips", "adjust_chips", "can_adjust_chips", "buy_in", "CHIPS_ADDED", "chips_added",
    "CHIPS_ADJUSTED", "chips_adjusted", "NO_CHIPS",
    # `room_seats.chips`, a field of events, and what `Stakes` calls them
    "chips", "chips_in",
}  # fmt: skip

CLIENTS = {"client", "load.transport", "load.checks", "load.measure", "load.evidence"}
STARTERS = {"config", "stack"}
"""The part of the server's code that `load` needs: what starts and ends programs, the servers from wheels among
them."""
MAY_IMPORT: dict[str, set[str]] = {
    "config": set(),
    "logbook": {"config"},
    "games": set(),
    "games.auction": {"games"},
    "games.hearts": {"games"},
    "games.holdem": {"games"},
    "games.chess": {"games"},
    "games.registry": {"games", "games.auction", "games.chess", "games.hearts", "games.holdem", "config"},
    "storage": {"config"},
    "storage.pooler": {"storage", "config"},
    "actors.versions": {"games"},
    "actors.wire": {"games", "config"},
    "actors.log": {"actors.wire", "games", "storage"},
    "actors.room": {
        "actors.log", "actors.versions", "actors.wire", "config", "games", "games.registry", "storage",
    },
    "actors.outside": {"actors.log", "actors.room", "actors.wire", "games", "games.registry", "storage"},
    "actors.past": {
        "actors.log", "actors.outside", "actors.room", "actors.versions", "actors.wire", "games", "storage",
    },
    "actors.errands": {"actors.log", "actors.outside", "actors.past", "actors.room", "actors.wire", "games"},
    "actors.upkeep": {"actors.past", "actors.wire", "storage", "config"},
    "actors.scaling": {"storage", "config"},
    "actors.host": {
        "actors.errands", "actors.log", "actors.outside", "actors.past", "actors.room", "actors.versions",
        "actors.wire", "games", "storage", "config",
    },
    "actors.cluster": {
        "actors.host", "actors.log", "actors.past", "actors.room", "actors.scaling", "actors.upkeep", "actors.wire",
        "games.registry", "storage", "storage.pooler", "config",
    },
    "edge.common": {"actors.wire", "config"},
    "edge.people": {"actors.wire", "storage", "config"},
    "edge.routing": {"edge.common", "edge.people", "actors.cluster", "actors.wire", "storage", "config"},
    "edge.identity": {"edge.common", "actors.wire", "storage", "config"},
    "edge.ws": {
        "edge.common", "edge.identity", "edge.people", "edge.routing", "actors.log", "actors.wire", "storage",
        "config",
    },
    "edge.rest": {
        "edge.common", "edge.identity", "edge.people", "edge.routing", "edge.ws", "actors.log", "actors.wire", "games",
        "storage", "config",
    },
    "edge.feed": {"edge.common", "edge.identity", "edge.rest", "actors.log", "actors.wire", "storage", "config"},
    "edge.operating": {
        "edge.common", "edge.identity", "edge.people", "edge.routing", "edge.ws", "edge.rest", "actors.cluster",
        "actors.log", "actors.wire", "storage", "config",
    },
    "edge": {
        "edge.common", "edge.feed", "edge.identity", "edge.people", "edge.routing", "edge.ws", "edge.rest",
        "edge.operating", "actors.cluster", "actors.wire", "storage", "config",
    },
    "stack": {"config", "games.registry", "storage"},
    "client": set(),
    "bots": {"client", "actors.wire", "edge.identity", "games", "games.registry", "storage", "config"},
    "load.transport": {"client"},
    "testing": {"games", "games.registry", "config"},
    "load.evidence": {"config", "storage"},
    "load.checks": {"client", "actors.wire"},
    "load.measure": {"client", "load.checks"},
    "load.bots": {*CLIENTS},
    "load.faults": {"load.evidence", "load.measure", "logbook", *STARTERS},
    "load.proof": {"client", "load.checks", "load.evidence"},
    "load.report": {*CLIENTS, "load.faults", "load.proof"},
    "load.run": {*CLIENTS, *STARTERS, "load.bots", "load.faults", "load.proof", "load.report"},
    "load.bench.base": {"load.measure", *STARTERS},
    "load.bench.floor": {"load.bench.base", "load.measure", "storage", *STARTERS},
    "load.bench.floods": {*CLIENTS, "load.bots", "load.run", *STARTERS},
    "load.bench.peers": {"load.bench.base", "load.bench.floor", "load.measure", "load.run", *STARTERS},
    "load.bench.peers.python": set(),
    "load.bench.people": {"actors.wire", "edge.people", "storage", *STARTERS},
    "load.bench.opening": {"load.bots", "load.run", *CLIENTS, *STARTERS},
    "load.bench.wakes": {"load.measure", "load.run", *STARTERS},
    "load.bench.scale": {"actors.wire", "load.bench.base", "load.measure", "load.run", "config", *STARTERS},
    "load": {*CLIENTS, *STARTERS, "load.bots", "load.faults", "load.proof", "load.report", "load.run"},
}  # fmt: skip

ROOM_MODULES = {"storage.rows", "storage.packing"}
"""The modules of storage that the pure room takes."""
IMPURE = {
    "asyncio", "asyncpg", "datetime", "logging", "os", "random", "ray", "redis", "secrets", "socket", "starlette",
    "structlog", "subprocess", "threading", "time", "uuid", "uvicorn",
}  # fmt: skip
RAY = {
    "actors.cluster.control_plane",
    "actors.cluster.room_actor",
    "stack.local_ray",
    "tavola.node",
    "load.bench.floor.ray_call",
}
"""The modules that import Ray: what is built on it, what starts it, and what measures an empty call of it."""
MADE_TYPES = "client.wire"
"""Made of the server's own types, and so they bear names of those."""
BY_NAME = {"import_module", "__import__"}
MOST_FILES = 18


@cache
def modules() -> dict[str, Path]:
    """Every module of ours by its name without `tavola.`, but the program's own, which keep it."""
    found = {}
    for name, folder in SOURCES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = (name, *path.relative_to(folder).with_suffix("").parts)
            found[".".join(parts).removesuffix(".__init__")] = path
    for path in sorted((ROOT / "tavola").glob("*.py")):
        found[f"tavola.{path.stem}".removesuffix(".__init__")] = path
    return found


def named(full: str) -> str | None:
    """The module of ours that a full name means, if it is one."""
    short = full.removeprefix("tavola.")
    return short if short in modules() and full != short else full if full in modules() else None


@cache
def imports(module: str) -> frozenset[str]:
    """The modules that a module imports, wherever in it: ours by their names in `modules`, others by their full
    names. An import by name counts as well."""
    return frozenset(_imports(modules()[module]))


TWO_NAMES = {"client"}
"""A package that is installed alone as well, under another name, and so imports what is its own relatively."""


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (named(alias.name) or alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            within = next((name for name in TWO_NAMES if path.parent == SOURCES[name]), None)
            assert node.level == (1 if within and _own(node) else 0), f"{path}: imports are absolute"
            base = ".".join(filter(None, ("tavola", within, node.module) if node.level else (node.module,)))
            for alias in node.names:
                yield named(f"{base}.{alias.name}") or named(base) or base
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in BY_NAME:
            names = [name.value for name in node.args if isinstance(name, ast.Constant)]
            yield from (named(name) or name for name in names if isinstance(name, str))


def _own(node: ast.ImportFrom) -> bool:
    return node.level > 0 or (node.module or "").startswith("tavola")


def top(name: str) -> str:
    return name.partition(".")[0]


def folder(module: str) -> str:
    """`actors.room.play` → `actors.room`; a package is its own folder."""
    return module if modules()[module].name == "__init__.py" else module.rpartition(".")[0]


def closure(*start: str) -> set[str]:
    """The modules, ours and others', that are reached from these."""
    seen: set[str] = set()
    todo = list(start)
    while todo:
        module = todo.pop()
        if module not in seen:
            seen.add(module)
            if module in modules():
                todo += imports(module)
    return seen


def inside(*folders: str) -> list[str]:
    found = [module for module in modules() if folder(module) in folders]
    assert found
    return found


def loaded(program: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after importing one."""
    script = f"import sys, {program}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_imports_are_read() -> None:
    """This test can fail: it sees what is there, also through others."""
    assert "actors.room.decide" in imports("actors.room.incoming")
    assert "games.base" in imports("actors.room.play")
    assert {"actors.room.decide", "asyncpg"} <= closure("actors.host.host")


def test_a_module_that_is_asked_for_by_name_is_imported(tmp_path: Path) -> None:
    (tmp_path / "sly.py").write_text("import importlib\nray = importlib.import_module('ray')\n")
    assert "ray" in set(_imports(tmp_path / "sly.py"))


def test_every_folder_is_in_the_plan() -> None:
    folders = {folder(module) for module in modules()} - {"tavola", "actors", "load.bench"}
    assert folders == set(MAY_IMPORT)


def test_every_folder_says_its_rule() -> None:
    for module, path in modules().items():
        if path.name == "__init__.py":
            assert ast.get_docstring(ast.parse(path.read_text())), f"{module} says nothing of itself"


def test_no_module_bears_a_name_of_the_standard_library() -> None:
    """A module's folder stands first on `sys.path` when a file beside it is run as a script."""
    names = {path.stem for path in (ROOT / "tests").rglob("*.py")}
    names |= {part for module in modules() for part in module.split(".")}
    assert {"connection", "stack", "games"} <= names, "the test sees them"
    assert names & sys.stdlib_module_names == set()


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_no_arrow_runs_up(name: str) -> None:
    found = {
        (module, other)
        for module in inside(name)
        for other in imports(module)
        if other in modules() and folder(other) not in {name, *MAY_IMPORT[name]}
    }
    assert not found


def test_the_plan_has_no_circle() -> None:
    order: list[str] = []
    waiting = {name: set(needs) for name, needs in MAY_IMPORT.items()}
    while waiting:
        ready = [name for name, needs in waiting.items() if needs <= set(order)]
        assert ready, f"a circle among {sorted(waiting)}"
        for name in ready:
            order.append(name)
            del waiting[name]


def test_no_module_imports_itself_through_others() -> None:
    for module in modules():
        assert module not in closure(*imports(module)), module


def test_folders_are_small() -> None:
    for name in MAY_IMPORT:
        files = [module for module in inside(name) if module != name]
        assert len(files) <= MOST_FILES, (name, len(files))


def test_the_room_is_pure() -> None:
    reached = closure(*inside("actors.room"), *inside("actors.past"))
    assert not {top(name) for name in reached if name not in modules()} & IMPURE
    assert {name for name in reached if name.startswith("storage")} <= ROOM_MODULES


@pytest.mark.parametrize("module", sorted(name for name in modules() if top(name) == "games"))
def test_games_know_nothing_but_games(module: str) -> None:
    assert not {top(name) for name in imports(module) if name not in modules()} & IMPURE
    if module == "games.base":
        assert not imports(module) & modules().keys()


def test_ray_is_imported_where_it_may_be() -> None:
    assert {module for module in modules() if any(top(name) == "ray" for name in imports(module))} == RAY


def test_the_host_knows_no_ray() -> None:
    assert "ray" not in closure(*inside("actors.host"))


def test_the_line_knows_neither_storage_nor_rooms() -> None:
    assert not [
        name for name in closure("actors.wire.line") if name.startswith(("storage", "actors.room", "actors.host"))
    ]


def test_the_checks_know_of_the_server_what_a_view_is() -> None:
    """And the client on which others build knows nothing of it."""
    ours = {name: closure(*inside(name)) & modules().keys() for name in ("client", "load.checks")}
    assert {top(name) for name in ours["client"]} == {"client"}
    assert {name for name in ours["load.checks"] if top(name) not in ("client", "load")} == {"actors.wire.view"}


WITH_GAMES = ("registry", "errands", "host", "outside", "past", "room", "versions")
"""The folders below `games` and `actors` that have to do with games' rules."""


def test_an_edge_loads_no_host_no_ray_and_no_game() -> None:
    found = loaded("tavola.edge.app, tavola.config.settings")
    assert not [name for name in found if name.startswith("ray")]
    assert {name.split(".")[2] for name in found if name.startswith("tavola.games.")} == {"base", "events"}
    parts = {name.split(".")[2] for name in found if name.startswith("tavola.actors.")}
    assert parts == {"cluster", "log", "wire"}
    of_cluster = {name.split(".")[3] for name in found if name.startswith("tavola.actors.cluster.")}
    assert of_cluster == {"ceiling", "directory", "wishes"}
    assert "pokerkit" not in found


def test_no_edge_imports_what_loads_games_wherever_it_stands() -> None:
    """In no function either, and through nobody else."""
    folders = [name for name in MAY_IMPORT if top(name) == "edge"]
    assert "edge.rest" in folders
    reached = closure(*inside(*folders))
    assert {"actors.wire.errands", "actors.cluster.directory"} <= reached, "the test sees them"
    places = tuple(f"{above}.{name}" for above in ("actors", "games") for name in WITH_GAMES)
    assert not [name for name in reached & modules().keys() if name.startswith(places)]
    assert not [name for name in reached & modules().keys() if name.startswith("games.") and name in games_of_ours()]


def games_of_ours() -> set[str]:
    """The modules of games' rules."""
    return {name for name in modules() if name.startswith("games.")} - {"games.base", "games.events"}


def test_who_traces_nothing_loads_nothing_for_it() -> None:
    """Redis' client takes a part of opentelemetry by itself, where it is installed."""
    assert {name for name in modules() if any(top(each) == "opentelemetry" for each in imports(name))} == {
        "config.spans"
    }
    assert "tavola.config.spans" not in loaded("tavola.edge.app, tavola.actors.cluster.room_process")


def test_the_protocol_touches_no_socket() -> None:
    outside = {"starlette", "uvicorn", "asyncio", "ray", "asyncpg", "redis"}
    assert not {top(name) for name in closure("edge.ws.protocol")} & outside


def test_settings_are_a_leaf() -> None:
    assert imports("config.settings") & modules().keys() <= {"config.checkpoints", "config.failures", "config.keys"}


def test_the_bare_names_are_not_importable() -> None:
    """An installed Tavola has one name."""
    names = ("actors", "edge", "games", "load", "storage")
    script = f"import importlib.util as u, tavola; print([n for n in {names} if u.find_spec(n) is not None])"
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == "[]"


def test_no_two_classes_have_one_name() -> None:
    """One name, one concept. A leading underscore makes no other name of it."""
    classes: dict[str, list[str]] = {}
    for module, path in modules().items():
        if module == MADE_TYPES:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                classes.setdefault(node.name.lstrip("_"), []).append(f"{module}:{node.lineno}")
    assert {"Room", "GapRequest"} <= classes.keys(), "the test sees them, private ones too"
    assert not {name: places for name, places in classes.items() if len(places) > 1}


def test_sql_is_in_its_files() -> None:
    """Queries are named; nothing else speaks SQL."""
    words = ("SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ")
    for module, path in modules().items():
        if top(module) in ("actors", "edge", "games", "load"):
            texts = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
            assert not [t for t in texts if isinstance(t, str) and t.lstrip().startswith(words)], module


def test_the_runtime_knows_no_poker() -> None:
    """Its words stand nowhere in the runtime, in code or prose. Chips are the capability `Stakes`; they stand there
    under the names that they have on the wire, in one column, and in that capability, and the contract has none of
    these. A hand is a round: that is its name on the wire and in SQL."""
    runtime = [*texts_of("actors"), *texts_of("edge"), *texts_of("storage"), ROOT / "games" / "base.py"]
    assert len(runtime) > 150
    found = [
        (str(path.relative_to(ROOT)), name)
        for path in runtime
        for name in re.findall(r"[A-Za-z_]\w*", path.read_text().replace("old'em", "oldem"))
        if (words := words_in(name)) & POKER
        or (words & CHIPS and (name not in NAMES_OF_CHIPS or path.name == "base.py"))
    ]
    assert not found
    assert words_in("missedBigBlind_buy_in") == {"missed", "big", "blind", "buyin"}


def texts_of(folder: str) -> Iterator[Path]:
    """Python and SQL. Migrations stay as they were done; dictionaries of what is packed (`.txt`) never change."""
    for path in (ROOT / folder).rglob("*"):
        if path.suffix in (".py", ".sql") and "migrations" not in path.parts and "static" not in path.parts:
            yield path


def words_in(name: str) -> set[str]:
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    for whole in ("buy_in", "all_in", "hole_cards"):
        apart = apart.replace(whole, whole.replace("_", ""))
    return {*apart.split("_")}
