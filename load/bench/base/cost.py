"""Processor time of servers, by kind: of their processes with all descendants, also of those that have ended since.

`load.measure.processes` counts what ended meanwhile as far as it was last seen, and never meets a short session of
Postgres.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from tavola.load.measure.processes import ACTOR_TITLE
from tavola.stack.local_ray import LocalRay
from tavola.stack.processes import in_folder

Roots = Mapping[str, Sequence[int]]
"""Kind → process ids. A process below two of them counts where it is met first."""


def of_ray(folder: Path) -> list[int]:
    """All of a Ray of our own: a worker need not be below the one that asked for it. `folder` is its LocalRay's."""
    return [process.pid for process in in_folder(LocalRay.programs, LocalRay(folder).data)]


def spent(roots: Roots) -> dict[str, float]:
    """Seconds of user and system time so far, by kind."""
    seen: set[int] = set()
    seconds: dict[str, float] = {}
    for kind, pids in roots.items():
        for process in (process for pid in pids for process in _family(pid)):
            if process.pid in seen:
                continue
            seen.add(process.pid)
            with contextlib.suppress(psutil.Error):
                times, of = process.cpu_times(), _kind(kind, process)
                waited_for = times.children_user + times.children_system
                seconds[of] = seconds.get(of, 0.0) + times.user + times.system + waited_for
    return seconds


def used(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Seconds between two readings, by kind."""
    return {kind: round(max(0.0, seconds - before.get(kind, 0.0)), 6) for kind, seconds in after.items()}


def elsewhere(before: Any, after: Any, ours_s: float) -> float:
    """The share of the machine's time, between two `psutil.cpu_times()`, that the hypervisor or other programs had;
    `ours_s` are the seconds of all that belongs to the measurement."""
    passed = {field: max(0.0, getattr(after, field) - getattr(before, field)) for field in after._fields}
    counted_twice = passed.get("guest", 0.0) + passed.get("guest_nice", 0.0)
    whole = sum(passed.values()) - counted_twice
    gone = whole - passed["idle"] - passed.get("iowait", 0.0) - ours_s
    return round(max(0.0, gone) / whole, 3) if whole else 0.0


def _family(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _kind(kind: str, process: psutil.Process) -> str:
    """Ray's workers are told apart by their titles."""
    return "actors" if kind == "ray" and "".join(process.cmdline()[:1]).startswith(ACTOR_TITLE) else kind
