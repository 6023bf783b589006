"""A Postgres that takes few connections, as a small project's does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from tavola.stack.embedded_postgres import EmbeddedPostgres


@asynccontextmanager
async def postgres_taking(most: int, folder: Path) -> AsyncIterator[str]:
    """The URL of a server of its own whose `max_connections` is `most`: its role gets three less."""
    server = EmbeddedPostgres(folder)
    await server.start()
    try:
        connection = await asyncpg.connect(server.superuser_url, ssl=False)
        await connection.execute(f"ALTER SYSTEM SET max_connections = {most}")
        await connection.close()
        await server.stop()
        yield await server.start()
    finally:
        await server.stop()


async def take_all(url: str) -> list[Any]:
    """Connections, until one more is refused."""
    taken: list[Any] = []
    while True:
        try:
            taken.append(await asyncpg.connect(url, ssl=False))
        except asyncpg.TooManyConnectionsError:
            return taken


async def give_back(connections: list[Any]) -> None:
    await asyncio.gather(*(each.close() for each in connections))
