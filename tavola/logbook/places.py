"""Where the logs of a stack's processes lie on this machine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from tavola.config.failures import Failure
from tavola.config.log_file import old
from tavola.config.private import is_private

_COPIES = {"games"}
"""Of what stands in others as well."""
_RAYS_OWN = ("gcs_server.out", "gcs_server.err", "raylet.out", "raylet.err")


class Logs(Protocol):
    """Some logs on this machine."""

    def logs(self) -> list[Path]:
        """As they are now."""


class NoLogs(Failure):
    """There is no stack whose logs could be read."""

    exit_code = 2


class LogPlaces:
    """The logs of the stack on a data folder, or else of the Ray nodes that were started on this machine."""

    def __init__(self, data_dir: Path, *, everything: bool = False) -> None:
        """`everything`: those of Postgres, Redis and Ray as well."""
        self._data_dir, self._everything = data_dir, everything
        self._of_stack = (data_dir / "logs").is_dir()
        if not self._of_stack and not any(_nodes()):
            raise NoLogs(
                f"no logs in {data_dir / 'logs'}: no `tavola dev` ever ran on this data folder (TAVOLA_DATA_DIR), and"
                " no `tavola node` on this machine"
            )

    def logs(self) -> list[Path]:
        """As they are now: processes come and go. Those that were full (`old`) are left out: they belong to these."""
        return sorted(path for path in set(self._found()) if not _is_old(path))

    def _found(self) -> Iterator[Path]:
        if not self._of_stack:
            for node in _nodes():
                yield from self._of_ray(node / "ray" / "session_latest" / "logs")
            return
        for path in (self._data_dir / "logs").glob("*.log"):
            if path.stem not in _COPIES:
                yield path
        yield from self._of_ray((self._data_dir / "ray" / "data").resolve() / "r" / "s" / "logs")
        if self._everything:
            for server in ("postgres", "redis", "ray"):
                yield self._data_dir / server / "server.log"

    def _of_ray(self, logs: Path) -> Iterator[Path]:
        yield from (path for path in logs.glob("worker-*") if path.suffix in (".out", ".err"))
        if self._everything:
            yield from (logs / name for name in _RAYS_OWN)


class NodeLogs:
    """Those of the actors of one node, and of their pooler, in the folder that `tavola node` made for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def logs(self) -> list[Path]:
        """As `LogPlaces.logs`. None while Ray has not begun."""
        found = (self._folder / "ray" / "session_latest" / "logs").glob("worker-*")
        return sorted(path for path in found if path.suffix in (".out", ".err") and not _is_old(path))


def called(log: Path) -> str:
    """The part that writes it, unless its lines say more."""
    return log.parent.name if log.name == "server.log" else log.stem


def teller(log: Path) -> Path:
    """The log whose first line says whose this one is: a worker writes two."""
    return log.with_suffix(".out") if log.suffix == ".err" else log


def _is_old(path: Path) -> bool:
    return path.stem.endswith(".old") and path == old(path.with_name(path.name.replace(".old", "")))


def _nodes() -> Iterator[Path]:
    """The folders that `tavola node` makes (howto/cluster.md), of nodes that run and of those that have ended."""
    for place in {os.environ.get("RAY_TMPDIR") or tempfile.gettempdir(), "/tmp"}:
        for folder in Path(place).glob("tavola-*"):
            try:
                if is_private(folder) and (folder / "ray" / "session_latest").exists():
                    yield folder
            except OSError:
                continue
