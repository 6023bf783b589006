"""Waiting for what happens by itself, without sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

WITHIN_S = 20.0


class Pulse:
    """`beat` whenever something changed; `until` waits for a change after which something holds."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def beat(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not holds():
                one = asyncio.get_running_loop().create_future()
                self._waiting.append(one)
                await one
