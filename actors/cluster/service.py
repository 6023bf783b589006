"""The frame of actors of any kind: a life on the main thread, and parts that run, the first of which to end takes the
process with it.

To Ray an actor is one call that never returns. In one with coroutine methods Ray keeps the main thread for itself and
wakes it a hundred times a second, each time for the interpreter's lock: it costs more than an idle actor's whole work,
and a busy one's loop contends with it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from threading import Timer
from typing import Any

import structlog
import uvloop

log = structlog.get_logger()

LAST_WORDS_S = 1.0
"""How long an actor that could not be started stays, so that whoever asked for it is told why."""
CALLED_WITHIN_S = 30
"""An actor that was made and not told to serve ends after so long: who made it has died, and nobody knows of it."""


def await_call() -> None:
    """Unless `live` is called within `CALLED_WITHIN_S`, the process ends."""
    signal.alarm(CALLED_WITHIN_S)


def live(work: Coroutine[Any, Any, None]) -> None:
    """Run an actor's whole life, `work`, on this thread: it ends with the process. Raises what kept it from starting,
    and the process ends soon afterwards: it is detached, on no list, and nobody would ever come for it."""
    signal.alarm(0)
    try:
        uvloop.run(work)
    except Exception:
        Timer(LAST_WORDS_S, os._exit, (1,)).start()
        raise


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

    async def serve(self) -> None:
        """Start, and go on until the process ends. Raises what kept it from starting; its parts have ended then, and
        the process has not."""
        try:
            await self.start()
        except BaseException:
            for task in self._tasks:
                task.remove_done_callback(_or_die)
            raise
        await asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """On return all parts run."""
        raise NotImplementedError
