"""Where something is still to be found: in every column of every table, and in every key of Redis."""

from __future__ import annotations

from typing import Any

import asyncpg
import redis.asyncio


async def tables_with(connection: asyncpg.Connection[Any], *texts: str) -> dict[str, int]:
    """Table → how many of its rows have one of the texts anywhere in them, bytes among them as they are."""
    found: dict[str, int] = {}
    for row in await connection.fetch(
        "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) AS name FROM information_schema.tables "
        "WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
    ):
        words = [word for text in texts for word in (text, text.encode().hex())]
        count = await connection.fetchval(
            f"SELECT count(*) FROM {row['name']} t WHERE t::text LIKE ANY ($1::text[])",
            [f"%{word}%" for word in words],
        )
        if count:
            found[row["name"]] = count
    return found


async def tables_of_rooms(connection: asyncpg.Connection[Any]) -> set[str]:
    """Those with a column for a room's id."""
    rows = await connection.fetch(
        "SELECT table_name FROM information_schema.columns WHERE column_name = 'room_id' AND table_schema = 'public'"
    )
    return {row["table_name"] for row in rows}


async def keys_with(redis_url: str, *texts: str) -> list[str]:
    """Redis's keys that have one of the texts in their name or in what they hold."""
    found = []
    client = redis.asyncio.Redis.from_url(redis_url)
    try:
        async for key in client.scan_iter("*", count=1000):
            held = repr((key, await _held(client, key)))
            if any(text in held for text in texts):
                found.append(key.decode(errors="replace"))
    finally:
        await client.aclose(close_connection_pool=True)
    return found


async def _held(client: Any, key: bytes) -> Any:
    match await client.type(key):
        case b"string":
            return await client.get(key)
        case b"hash":
            return await client.hgetall(key)
        case b"zset":
            return await client.zrange(key, 0, -1)
        case b"set":
            return await client.smembers(key)
        case b"list":
            return await client.lrange(key, 0, -1)
        case b"none":
            return None  # It has expired meanwhile.
        case kind:
            raise AssertionError(f"{key!r} is a {kind!r}, of which this knows nothing")
