"""The watch that an edge keeps on what Postgres has for all edges."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tavola.storage.postgres import StorageUnavailable

LOOK_S = 1.0
LOOK_WITHIN_S = 2.0


async def every_second(look: Callable[[], Awaitable[None]], away: Callable[[str], None]) -> None:
    """Look until cancelled. `away` is told why it could not be looked, once each time that Postgres goes away."""
    told = False
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            await look()
            told = False
        except StorageUnavailable as error:
            if not told:
                away(str(error))
            told = True
