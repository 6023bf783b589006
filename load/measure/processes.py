"""The processor time and memory that an action costs, by kind of process: those that `stack.json` names, with all
descendants.

Ray's workers are told apart by their titles: `ray::RoomActor…` are `actors`, everything else of Ray's is `ray`. They
need not descend from what started them; the stack's mark in their environment says whose they are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import msgspec
import psutil

from tavola.load.measure.memory import MemoryUse

STACK_FILE = "stack.json"
ACTOR_TITLE = "ray::RoomActor"
WORKER = "ray::"
POOLER = "tavola.storage.pooler"
STACK_MARK = "TAVOLA_STACK"


class RunningStack(msgspec.Struct):
    """`tavola dev`'s own note of what it started: kind → process id or ids, and where it listens."""

    url: str = ""
    urls: list[str] = []
    pids: dict[str, Any] = {}
    environment: dict[str, str] = {}
    """The variables with which a process joins it; secrets are among them."""

    def roots(self) -> dict[str, list[int]]:
        """Kind → process ids. Ray comes last: whatever else runs below it is counted where it is named."""
        named = {kind: pids if isinstance(pids, list) else [pids] for kind, pids in self.pids.items()}
        roots = {kind: [pid for pid in pids if isinstance(pid, int)] for kind, pids in named.items()}
        return dict(sorted(roots.items(), key=lambda item: item[0] == "ray"))


class Usage(msgspec.Struct):
    """Of one kind: seconds of user and system time in the window, processes and megabytes resident at its end. With
    any that `ended` in the window the seconds are a lower bound."""

    cpu_s: float = 0.0
    processes: int = 0
    rss_mb: float = 0.0
    ended: int = 0


class _Reading(msgspec.Struct):
    kind: str
    cpu_s: float
    rss: int


def roots_of(data_dir: Path | None, urls: Collection[str]) -> dict[str, list[int]]:
    """The processes of the stack on `data_dir`, if it is the one that listens at one of `urls`."""
    stack = read_stack(data_dir) if data_dir is not None else None
    return stack.roots() if stack is not None and not {stack.url, *stack.urls}.isdisjoint(urls) else {}


def read_stack(data_dir: Path) -> RunningStack | None:
    """The stack that runs on a data folder, or None."""
    try:
        return msgspec.json.decode((data_dir / STACK_FILE).read_bytes(), type=RunningStack)
    except (OSError, msgspec.DecodeError):
        return None


class Processes:
    """Usage since `start` of this process and of those that `roots` names at any reading.

    A process that ends counts with what it had used at the last reading before. So where processes are killed, `read`
    now and then: what each of them used after that, and those that no reading met, are what is missing.
    """

    def __init__(self, roots: Callable[[], dict[str, list[int]]]) -> None:
        self._roots = roots
        self._before: dict[psutil.Process, float] = {}
        self._latest: dict[psutil.Process, _Reading] = {}
        """Of all that were met since `start`."""
        self._alive: Collection[psutil.Process] = ()

    def start(self) -> None:
        self._latest = {}
        self.read()
        self._before = {process: reading.cpu_s for process, reading in self._latest.items()}

    def read(self) -> None:
        """Takes some milliseconds."""
        now = self._look()
        self._latest |= now
        self._alive = now.keys()

    def usage(self) -> dict[str, Usage]:
        """Since `start`. Kinds of which none is left are there too."""
        self.read()
        found: dict[str, Usage] = {}
        for process, latest in self._latest.items():
            usage = found.setdefault(latest.kind, Usage())
            usage.cpu_s += latest.cpu_s - self._before.get(process, 0.0)
            if process in self._alive:
                usage.processes += 1
                usage.rss_mb += latest.rss / 1e6
            else:
                usage.ended += 1
        return found

    def lap(self) -> dict[str, Usage]:
        """`usage`, and the next window begins with the same reading."""
        found = self.usage()
        self._latest = {process: self._latest[process] for process in self._alive}
        self._before = {process: reading.cpu_s for process, reading in self._latest.items()}
        return found

    def held(self) -> dict[str, MemoryUse]:
        """The memory that each kind of process holds now. To find out takes some milliseconds a process."""
        found: dict[str, MemoryUse] = {}
        for process, now in self._look().items():
            with contextlib.suppress(psutil.Error):
                full = process.memory_full_info()
                found.setdefault(now.kind, MemoryUse()).add(
                    MemoryUse(1, full.pss / 1e6, full.uss / 1e6, full.uss / 1e6)
                )
        return found

    def pids(self) -> dict[str, list[int]]:
        """The processes that there are now, by kind."""
        found: dict[str, list[int]] = {}
        for process, reading in self._look().items():
            found.setdefault(reading.kind, []).append(process.pid)
        return found

    def _look(self) -> dict[psutil.Process, _Reading]:
        """Equal are processes of one id that were started at the same tick: no clock is asked for it."""
        readings: dict[psutil.Process, _Reading] = {}
        ours = psutil.Process()
        marks: set[str] = set()
        readings[ours] = self._reading("clients", ours)
        for kind, pids in self._roots().items():
            for pid in pids:
                with contextlib.suppress(psutil.Error):
                    root = psutil.Process(pid)
                    for process in (root, *root.children(recursive=True)):
                        if process not in readings:
                            with contextlib.suppress(psutil.Error):
                                readings[process] = self._reading(kind, process)
                    if mark := root.environ().get(STACK_MARK):
                        marks.add(mark)
        for process in psutil.process_iter() if marks else ():
            with contextlib.suppress(psutil.Error):
                pooler = POOLER in " ".join(process.cmdline()[:4])
                ours_too = (pooler or process.name().startswith(WORKER)) and process.environ().get(STACK_MARK) in marks
                if ours_too and (pooler or process not in readings):
                    readings[process] = self._reading("poolers" if pooler else "ray", process)
        return readings

    def _reading(self, kind: str, process: psutil.Process) -> _Reading:
        with process.oneshot():
            if kind == "ray" and "".join(process.cmdline()[:1]).startswith(ACTOR_TITLE):
                kind = "actors"
            times = process.cpu_times()
            return _Reading(kind, times.user + times.system, process.memory_info().rss)
