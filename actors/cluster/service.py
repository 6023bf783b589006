"""The frame of actors of any kind: parts that run, the first of which to end takes the process with it."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

import structlog

log = structlog.get_logger()

LAST_WORDS_S = 1.0
"""How long an actor that could not be started stays, so that whoever asked for it is told why."""


def now_ms() -> int:
    """Milliseconds since the epoch, by this machine's clock."""
    return time.time_ns() // 1_000_000


def _or_die(task: asyncio.Task[Any]) -> None:
    """A part of the actor ended: so does the actor, whatever happens on the way. Its rooms are placed elsewhere."""
    try:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("actor.failed", error=type(error).__name__, exc_info=error)
    finally:
        os._exit(1)


class Service:
    """The parts that an actor keeps running; the first part to end takes the process with it."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []

    def keep(self, work: Any) -> None:
        """Run the coroutine `work` as a part; when it returns or raises, the process ends."""
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(_or_die)
        self._tasks.append(task)
