"""A question that is worth asking once a moment, however many want to know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Moment(Generic[T]):
    """The result of `work`, good for `life_s`. Callers that ask while it is at work wait for the same; what it
    raises, all of them get."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, T]], life_s: float) -> None:
        self._work = work
        self._life_s = life_s
        self._task: asyncio.Task[T] | None = None
        self._until = 0.0

    async def get(self) -> T:
        loop = asyncio.get_running_loop()
        if self._task is None or (self._task.done() and loop.time() >= self._until):
            self._task = loop.create_task(self._work())
            self._task.add_done_callback(lambda _: self._done(loop.time()))
        return await asyncio.shield(self._task)

    def _done(self, now: float) -> None:
        self._until = now + self._life_s
