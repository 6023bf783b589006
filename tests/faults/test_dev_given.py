"""`tavola dev` where Postgres, Redis and Ray are given: it uses those, starts none of its own, and leaves them be."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from redis.asyncio import Redis

from kit.stack import Stack
from kit.table import table
from tavola.stack.local_ray import LocalRay

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

SERVERS = {"postgres", "redis-server", "gcs_server", "raylet"}


@pytest.fixture
def ray(tmp_path: Path) -> Iterator[tuple[LocalRay, str]]:
    """A Ray of the test's own, and its address."""
    server = LocalRay(tmp_path / "given")
    try:
        yield server, asyncio.run(server.start())
    finally:
        asyncio.run(server.stop())


@pytest.fixture
def served(tmp_path: Path, database_url: str, redis_url: str, ray: tuple[LocalRay, str]) -> Iterator[Stack]:
    server, address = ray
    given = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "RAY_ADDRESS": address}
    settings = {**given, **server.environment, "TAVOLA_JWT_SECRET": "s" * 32}
    stack = Stack(tmp_path / "data", edges=1, **settings)
    try:
        stack.start()
        assert given.items() <= stack.described["environment"].items()
        yield stack
    finally:
        stack.stop()


async def test_what_is_given_is_used_and_none_is_started(
    served: Stack, redis_url: str, ray: tuple[LocalRay, str]
) -> None:
    """A hand is played: its log is in the Postgres that was given, its channel in the Redis, its actor in the Ray."""
    given, works_in = ray[0].process, ray[0].data.resolve()
    assert given is not None
    async with table(served, seats=2) as t, Redis.from_url(redis_url) as redis:
        assert f"room:{t.room}".encode() in await redis.pubsub_channels("room:*")
        assert psutil.Process((await t.owner()).pid).cwd().startswith(str(works_in))
        await t.play_to_the_end()
        await t.check()

        assert set(served.described["pids"]) == {"edges", "steward", "bots"}
        assert SERVERS & _below(served.pid) == set()
        assert SERVERS & {process.name() for process in served.processes()} == set()
        assert not [name for name in ("postgres", "redis", "ray") if (served.folder / name / "data").exists()]
    # These outlive the stack; and the test knows a server when it sees one.
    served.stop()
    assert given.poll() is None
    assert _below(os.getpid()) >= SERVERS


def _below(pid: int) -> set[str]:
    """The names of the processes that this one started, and of those that they started."""
    return {process.name() for process in psutil.Process(pid).children(recursive=True)}
