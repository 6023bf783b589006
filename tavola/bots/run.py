"""From settings to a process of bots that runs until SIGTERM."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence

from tavola.bots.process import Bots
from tavola.bots.table import BotsTable
from tavola.config import logs
from tavola.config.settings import Settings
from tavola.edge.identity.auth import Identities
from tavola.games.registry.discovery import from_outside, install
from tavola.storage.fingerprint import admitted_at
from tavola.storage.postgres import Database


def run(settings: Settings, urls: Sequence[str], *, table: int, game: str) -> None:
    """`urls` are those of edges. With `table`, so many bots sit at a public table of `game` as well."""
    logs.configure("bots", settings.log_format, settings.log_level, settings.data_dir)
    if from_outside(settings.games):
        install(settings.games, settings.games_path)
    asyncio.run(_run(settings, urls, table, game))


async def _run(settings: Settings, urls: Sequence[str], table: int, game: str) -> None:
    task = asyncio.current_task()
    assert task is not None
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, task.cancel)
    admitted = await admitted_at(settings.database_url, settings.secrets)
    database = await Database.connect(settings.database_url, least=1, most=2)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(Bots(database, Identities(admitted.secrets), urls).run())
            if table:
                tasks.create_task(BotsTable(urls, table, game, settings.data_dir).run())
    except asyncio.CancelledError:
        pass
    finally:
        await database.close()
