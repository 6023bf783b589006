"""Notices of Postgres to those that listen (`LISTEN`), over a connection of its own. Each is a wake-up: some are lost,
and by way of a pooler that lends its connections there are none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncpg
import structlog

from tavola.storage.postgres import AWAY, CONNECT_TIMEOUT_S, LENT_SETTINGS
from tavola.storage.target import target

log = structlog.get_logger()

AGAIN_S = 1.0


async def heard(url: str, channel: str, call: Callable[[], None]) -> None:
    """Call `call` for each notice on the channel, and whenever some may have been missed, until cancelled."""
    url, lent = target(url)
    if lent:
        await asyncio.get_running_loop().create_future()
    while True:
        try:
            await _listen(url, channel, call)
        except AWAY as error:
            log.info("notices.away", channel=channel, reason=type(error).__name__)
        await asyncio.sleep(AGAIN_S)


async def _listen(url: str, channel: str, call: Callable[[], None]) -> None:
    connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S, server_settings=LENT_SETTINGS)
    ended = asyncio.Event()
    try:
        connection.add_termination_listener(lambda _: ended.set())
        await connection.add_listener(channel, lambda *_: call())
        call()
        await ended.wait()
    finally:
        connection.terminate()
