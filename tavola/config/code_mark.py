"""Which code a process runs, and which there is on its disk by now: a mark of the program's files and of the games from
outside. The same on every machine that has the same.

Of a game that was installed as a package its name and version count; of one from `TAVOLA_GAMES` its files do.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

KINDS = (".py", ".sql", ".lua")
"""The files that are code."""
BESIDE = {"__pycache__", "client", "load", "logbook", "template", "testing"}
"""Folders of the program of which no server runs anything."""
MARK_CHARS = 12
_PROGRAM = Path(__file__).resolve().parents[1]
_GAMES = "tavola.games"


def on_disk() -> str:
    """The mark of what a process would load that started now. Takes some 30 ms."""
    digest = hashlib.sha256()
    for name, path in sorted(_files(os.environ)):
        digest.update(f"{name}\0".encode())
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError:
            continue  # It is being replaced; the next look finds what it is then.
    for name in sorted(_packages()):
        digest.update(f"{name}\0".encode())
    return digest.hexdigest()[:MARK_CHARS]


def seen_on_disk(environment: Mapping[str, str] = os.environ) -> str:
    """The same for this machine alone, by times and sizes of the files: in a tenth of the time. It is that of a process
    with this `environment`, which names the games."""
    digest = hashlib.sha256()
    for name, path in sorted(_files(environment)):
        try:
            state = path.stat()
        except OSError:
            continue
        digest.update(f"{name}\0{state.st_size}\0{state.st_mtime_ns}\0".encode())
    digest.update("\0".join(sorted(_packages())).encode())
    return digest.hexdigest()[:MARK_CHARS]


class CodeOnDisk:
    """The mark of what lies there, for a process that looks again and again: files are read only when one of them is
    another than at the last look."""

    def __init__(self) -> None:
        self._seen = ""
        self._mark = CODE

    def look(self) -> str:
        """As `on_disk`."""
        if (seen := seen_on_disk()) != self._seen:
            self._mark, self._seen = on_disk(), seen
        return self._mark


def _files(environment: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    yield from _under(_PROGRAM)
    folder = Path(environment.get("TAVOLA_GAMES_PATH", "."))
    for game in environment.get("TAVOLA_GAMES", "").split(","):
        top = game.strip().partition(":")[0].partition(".")[0]
        if top and (folder / top).is_dir():
            yield from _under(folder / top)
        elif top and (folder / f"{top}.py").is_file():
            yield f"{top}.py", folder / f"{top}.py"


def _under(top: Path) -> Iterator[tuple[str, Path]]:
    for folder, folders, names in os.walk(top, followlinks=True):
        folders[:] = [each for each in folders if each not in BESIDE]
        for name in names:
            if name.endswith(KINDS):
                path = Path(folder, name)
                yield path.relative_to(top.parent).as_posix(), path


def _packages() -> Iterator[str]:
    """Those that offer games."""
    for place in sys.path:
        try:
            names = [name for name in os.listdir(place or ".") if name.endswith(".dist-info")]
        except OSError:
            continue
        for name in names:
            try:
                told = Path(place, name, "entry_points.txt").read_text()
            except (OSError, UnicodeDecodeError):
                continue
            if f"[{_GAMES}]" in told:
                yield name


CODE = on_disk()
"""The mark of this process's code, or of the process's from which it was forked: it is loaded when these are."""
