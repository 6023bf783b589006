"""The tables in Postgres: one statement an action, prepared once a connection, through a pool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import asyncpg

Json = dict[str, Any]
POOL = 16


class Store:
    def __init__(self, pool: Any, folder: Path) -> None:
        self._pool = pool
        self._open = (folder / "open.sql").read_text()
        self._commit = (folder / "commit.sql").read_text()

    @classmethod
    async def connect(cls, url: str, folder: Path) -> Store:
        pool = await asyncpg.create_pool(
            url, min_size=POOL, max_size=POOL, max_inactive_connection_lifetime=0, reset=_keep
        )
        await pool.execute((folder / "tables.sql").read_text())
        return cls(pool, folder)

    async def open(self, room: str, state: Json) -> None:
        await self._pool.execute(self._open, room, _text(state))

    async def commit(self, update: Json, state: Json, user: str, action: Json) -> None:
        """On return the action is durable. Raises RuntimeError when another server wrote to the room."""
        room, seq, at = update["room"], update["seq"], update["at"]
        texts = user, action["id"], _text(action), _text(update["events"])
        status = await self._pool.execute(self._commit, room, seq, _text(state), at, *texts)
        if status != "INSERT 0 1":
            raise RuntimeError(f"room {room} is not at {seq - 1} any more")


async def _keep(connection: Any) -> None:
    """Nothing is left on a connection that would have to be reset before it is used again."""


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
