"""All logs of a stack as one, by time."""

from __future__ import annotations

import heapq
import time
from collections.abc import Generator, Iterator
from itertools import count
from pathlib import Path

from tavola.logbook.entries import LogEntry
from tavola.logbook.places import Logs
from tavola.logbook.reading import LogFollower, past

LOOK_S = 0.2
"""How often it is looked what was added, and whether there are other logs."""
HOLD_S = 0.3
"""For so long an event waits for those of others that happened before it."""
HELD_LIMIT = 100_000
"""Events that wait; when there are more, the oldest go out."""


def _at(entry: LogEntry) -> float:
    return entry.at


def told(places: Logs, since: float = 0.0) -> Iterator[LogEntry]:
    """The events in the logs since then. A log costs one event of memory at a time, and an open file."""
    return heapq.merge(*(past(log, since) for log in places.logs()), key=_at)


def followed(places: Logs, since: float | None = None) -> Generator[LogEntry, None, None]:
    """The events that are added to them, for ever; those since then come first. Processes may come and go."""
    followers = {log: LogFollower(log, new=False) for log in places.logs()}
    try:
        if since is not None:
            yield from heapq.merge(*(past(log, since, one.mark) for log, one in followers.items()), key=_at)
        yield from _added(places, followers)
    finally:
        for follower in followers.values():
            follower.close()


def _added(places: Logs, followers: dict[Path, LogFollower]) -> Iterator[LogEntry]:
    held: list[tuple[float, int, float, LogEntry]] = []
    number = count()
    while True:
        more = False
        for follower in followers.values():
            for entry in follower.more():
                more = True
                heapq.heappush(held, (entry.at, next(number), time.time(), entry))
        before = time.time() - HOLD_S
        while held and (min(held[0][0], held[0][2]) <= before or len(held) > HELD_LIMIT):
            yield heapq.heappop(held)[-1]
        if not more:
            time.sleep(LOOK_S)
            _look(places, followers)


def _look(places: Logs, followers: dict[Path, LogFollower]) -> None:
    """All has been read of the logs that are known: those that are gone are let go."""
    there = set(places.logs())
    for log in followers.keys() - there:
        followers.pop(log).close()
    for log in there - followers.keys():
        followers[log] = LogFollower(log, new=True)
