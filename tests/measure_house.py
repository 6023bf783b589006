"""The plan of the code in figures, for two commits side by side: `python tests/measure_house.py f2a8251 HEAD`.

Each commit is taken from Git into a folder of its own; an edge is imported with the packages of this environment.
"""

from __future__ import annotations

import argparse
import ast
import re
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent
LAYERS = ("tavola.config", "games", "storage", "tavola.stack", "actors", "edge", "load", "tavola")
"""From the ground up. Before there were folders for them, the grounds lay in `tavola`, above all."""
TOP = {"games", "storage", "actors", "edge", "load", "tavola"}
IMPORT = """
import resource, sys, time
began = time.perf_counter()
import {module}
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
print(sum(m.split(".")[0] == "pokerkit" for m in sys.modules), sum("host" in m for m in sys.modules if "actors" in m))
"""
SETTING, COMMAND, EVENT = "max_spectators", "transfer_host|TransferHost", "settings_changed|SettingsChanged"
"""Each is there at both commits, and stands for any other: the files that name it are those that adding one touches."""


def imports(path: Path) -> Iterator[str]:
    """The modules of ours that a file names, without the name of the whole."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            short = name.removeprefix("tavola.")
            name = short if short.split(".")[0] in TOP else name
            if name.split(".")[0] in TOP:
                yield name


def modules(tree: Path) -> dict[str, Path]:
    found = {}
    for top in sorted(TOP):
        for path in sorted((tree / top).rglob("*.py")):
            if not any(part.is_symlink() for part in path.parents if part != tree and tree in part.parents):
                parts = path.relative_to(tree).with_suffix("").parts
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def arrows(tree: Path) -> set[tuple[str, str]]:
    """Which module imports which."""
    ours = modules(tree)
    found = set()
    for module, path in ours.items():
        for name in imports(path):
            target = name if name in ours else name.rpartition(".")[0]
            if target in ours and target != module:
                found.add((module, target))
    return found


def folder(module: str, ours: dict[str, Path]) -> str:
    return module if ours[module].name == "__init__.py" else module.rpartition(".")[0] or module


def layer(module: str) -> int:
    return max((len(name), LAYERS.index(name)) for name in LAYERS if f"{module}.".startswith(f"{name}."))[1]


def circles(pairs: set[tuple[str, str]]) -> list[list[str]]:
    """Circles found one after the other, each cut at one arrow before the next is sought."""
    found: list[list[str]] = []
    pairs = set(pairs)
    while True:
        graph: dict[str, set[str]] = {}
        for source, target in pairs:
            graph.setdefault(source, set()).add(target)
        try:
            TopologicalSorter(graph).prepare()
            return found
        except CycleError as error:
            circle = error.args[1]
            found.append(circle)
            pairs -= set(zip(circle[1:], circle, strict=False))  # each is imported by the one after it


def naming(tree: Path, pattern: str) -> list[str]:
    """The files, without tests and papers, that name one setting, command or event."""
    return sorted(
        str(path.relative_to(tree))
        for top in TOP
        for path in (tree / top).rglob("*")
        if path.suffix in (".py", ".sql", ".js", ".ts", ".html")
        and not path.is_symlink()
        and not path.name.endswith(".d.ts")
        and re.search(pattern, path.read_text())
    )


def edge(tree: Path) -> str:
    """Importing an edge in a new process: seconds and MB (median of 5), and what it should not have loaded."""
    module = "tavola.edge.app" if (tree / "tavola/edge").exists() else "edge.app"
    told = []
    for _ in range(5):
        command = [sys.executable, "-c", IMPORT.format(module=module)]
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=True)
        told.append([float(number) for number in done.stdout.split()])
    seconds, megabytes, pokerkit, host = (statistics.median(column) for column in zip(*told, strict=True))
    return f"{seconds:.2f} s, {megabytes:.0f} MB; modules of pokerkit {pokerkit:.0f}, of the host {host:.0f}"


def wheel(tree: Path) -> str:
    """The names that the wheel puts into site-packages."""
    with tempfile.TemporaryDirectory() as into:
        pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--disable-pip-version-check"]
        subprocess.run([*pip, "-w", into, "."], cwd=tree, check=True)
        with zipfile.ZipFile(next(Path(into).glob("*.whl"))) as built:
            tops = {name.split("/")[0] for name in built.namelist()}
    return " ".join(sorted(top for top in tops if not top.endswith(".dist-info")))


def told(commit: str) -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as where:
        tree = Path(where)
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
        subprocess.run(["tar", "x"], cwd=tree, input=archive, check=True)
        ours, pairs = modules(tree), arrows(tree)
        files = Counter(folder(module, ours) for module in ours)
        yield "Python files", f"{sum(files.values())} in {len(files)} folders"
        yield "most in a folder", ", ".join(f"{name} {count}" for name, count in files.most_common(3))
        up = {(source, target) for source, target in pairs if layer(source) < layer(target)}
        yield "arrows up", f"{len(up)}" + "".join(f"; {s} → {t}" for s, t in sorted(up)[:3])
        within = circles({(folder(s, ours), folder(t, ours)) for s, t in pairs} - {(f, f) for f in files})
        yield "circles of folders", f"{len(within)}" + "".join(f"; {' → '.join(circle)}" for circle in within[:3])
        between = circles(pairs)
        yield "circles of modules", f"{len(between)}" + "".join(f"; {' → '.join(circle)}" for circle in between[:3])
        for what, pattern in ("a setting", SETTING), ("a command", COMMAND), ("an event", EVENT):
            named = naming(tree, pattern)
            yield f"files that name {what} ({pattern.split('|')[0]})", f"{len(named)}: {', '.join(named)}"
        yield "names in the wheel", wheel(tree)
        yield "an edge's import", edge(tree)
        for paper in "README.md", "ARCHITECTURE.md":
            yield f"lines of {paper}", str(len((tree / paper).read_text().splitlines()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commits", nargs="+", metavar="COMMIT")
    for commit in parser.parse_args().commits:
        print(f"\n{commit}")
        for name, value in told(commit):
            print(f"  {name}: {value}", flush=True)


if __name__ == "__main__":
    main()
