"""No event fills a disk: of each there are so many lines at once, and then one a second."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, MutableMapping
from typing import Any

import structlog

LINES, A_SECOND = 100.0, 1.0
"""Lines of one event at once, and from then on. Lines that are left out are counted, and the next line says how
many."""
TRACEBACK = 10.0
"""For how many lines one with a traceback counts."""


class Seldom:
    """A processor of structlog, and a filter of logging. Events are known by their names, others by where they are."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._of: dict[Hashable, _Lines] = {}

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        left_out = self._take(event.get("event"), bool(event.get("exc_info")))
        if left_out is None:
            raise structlog.DropEvent
        if left_out:
            event["left_out"] = left_out
        return event

    def filter(self, record: logging.LogRecord) -> bool:
        left_out = self._take((record.pathname, record.lineno), record.exc_info is not None)
        if left_out:
            record.msg = f"{record.msg} left_out={left_out}"
        return left_out is not None

    def _take(self, key: Hashable, traceback: bool) -> int | None:
        """How many lines were left out since the last one; None if this one is, too."""
        now = self._clock()
        lines = self._of.get(key)
        if lines is None:
            lines = self._of[key] = _Lines(now)
        return lines.take(now, TRACEBACK if traceback else 1.0)


class _Lines:
    __slots__ = ("left", "left_out", "then")

    def __init__(self, now: float) -> None:
        self.left, self.left_out, self.then = LINES, 0, now

    def take(self, now: float, cost: float) -> int | None:
        self.left = min(LINES, self.left + (now - self.then) * A_SECOND)
        self.then = now
        if self.left < cost:
            self.left_out += 1
            return None
        self.left -= cost
        left_out, self.left_out = self.left_out, 0
        return left_out
