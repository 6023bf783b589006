"""Forty rooms with actors of their own on a Postgres of sixty connections, as a small project has."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from kit.small_postgres import postgres_taking
from kit.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(300)]

ROOMS = 40
LIVE = "SELECT count(*) FROM room_actors WHERE rooms = 1"
LOAD = ("load", "--tables", str(ROOMS), "--game", "tictactoe", "--think", "1000-3000", "--seconds", "10")


async def test_forty_rooms_on_sixty_connections() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with postgres_taking(60, Path(folder) / "postgres") as url:
            stack = Stack(
                Path(folder) / "data",
                DATABASE_URL=url,
                TAVOLA_JWT_SECRET="s" * 32,
                TAVOLA_ROOM_ACTORS_PER_NODE="100",
                TAVOLA_CONNECTIONS_PER_ADDRESS="0",
            )
            try:
                await asyncio.to_thread(stack.start)
                await _played(stack)
            finally:
                await asyncio.to_thread(stack.stop)


async def _played(stack: Stack) -> None:
    load = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tavola", *LOAD, "--url", stack.urls[0]),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await load.communicate()
    assert load.returncode == 0, told.decode()
    async with stack.truth() as truth:
        assert await truth.value(LIVE) >= ROOMS
    assert "postgres.full" not in stack.said_by_edge(1) + stack.said_by_workers()
    [pooler] = [each for each in stack.processes() if "tavola.storage.pooler" in " ".join(each.cmdline()[:4])]
    connections = [each for each in pooler.net_connections("tcp") if each.status == psutil.CONN_ESTABLISHED]
    assert 1 <= len(connections) <= (ROOMS + 1) // 20
