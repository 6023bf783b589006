"""`tavola logs`: what every process of the stack on this machine has logged, as one stream by time."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from tavola.config.failures import Failure
from tavola.logbook.entries import LogEntry, exactly
from tavola.logbook.lines import line
from tavola.logbook.merging import followed, told
from tavola.logbook.places import LogPlaces
from tavola.stack.processes import raise_open_files

_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class BadTime(Failure):
    """Not a time that is understood."""

    exit_code = 2


def run(
    data_dir: Path,
    *,
    follow: bool,
    room: str | None,
    part: str | None,
    level: str,
    since: str | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Until all is shown, or with `follow` until Ctrl-C. Raises `NoLogs` and `BadTime`."""
    begin = None if since is None else _begin(since, time.time())
    places = LogPlaces(data_dir, everything=everything)
    wanted = chosen(room, part, level)
    raise_open_files()
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    try:
        for entry in followed(places, begin) if follow else told(places, begin or 0.0):
            if wanted(entry):
                print(entry.as_json() if as_json else line(entry, colours=colours), flush=follow)
        sys.stdout.flush()
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # Nobody reads on. Python would say so when it ends, once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def chosen(room: str | None, part: str | None, level: str) -> Callable[[LogEntry], bool]:
    """Whether an event is one of those that were asked for."""
    named = exactly(room) if room else None

    def wanted(entry: LogEntry) -> bool:
        ours = part is None or entry.part == part or entry.part.startswith(f"{part}-")
        return ours and entry.weighs(level) and (named is None or entry.names(named))

    return wanted


def _begin(since: str, now: float) -> float:
    if found := _AGO.fullmatch(since):
        return now - float(found[1]) * _SECONDS[found[2]]
    try:
        return datetime.fromisoformat(since).timestamp()
    except ValueError:
        raise BadTime(f"--since {since}: neither 30s, 10m, 2h, 1d nor a time such as 2026-01-31T12:00") from None
