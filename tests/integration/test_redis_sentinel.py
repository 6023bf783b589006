"""Two real Redis, a replica and its master, and a Sentinel that promotes: links and clients go where the master is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGTERM
from urllib.parse import urlsplit

import redis.asyncio
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from kit.hosts import OPENER, SEALER
from kit.redis_links import both, fresh, is_up, kept
from tavola.edge.identity.session_cache import Session, SessionCache
from tavola.stack.embedded_redis import EmbeddedRedis, redis_program
from tavola.stack.processes import end, free_port, server_environment, spawn
from tavola.storage.redis import RedisPublisher

MASTER = "rooms"
SESSION = Session("u", "U", 1, 1, 60_000)


@asynccontextmanager
async def sentinel(folder: Path, master: EmbeddedRedis, replica: EmbeddedRedis) -> AsyncIterator[str]:
    """The URL by which the master is found. The two servers have one password."""
    one, other = urlsplit(await master.start()), urlsplit(await replica.start())
    password = one.password or ""
    async with client(other.geturl()) as theirs:
        await theirs.config_set("masterauth", password)
        await theirs.config_set("requirepass", password)
    async with client(one.geturl()) as ours:
        await ours.config_set("masterauth", password)
    async with client(f"redis://:{password}@127.0.0.1:{other.port}") as theirs:
        await theirs.replicaof("127.0.0.1", str(one.port))
    port = free_port()
    settings = folder / "sentinel.conf"
    settings.write_text(
        f"port {port}\nbind 127.0.0.1\nprotected-mode no\n"
        f"sentinel monitor {MASTER} 127.0.0.1 {one.port} 1\n"
        f"sentinel auth-pass {MASTER} {password}\n"
        f"sentinel down-after-milliseconds {MASTER} 500\nsentinel failover-timeout {MASTER} 2000\n"
    )
    process = spawn(
        [redis_program(), settings, "--sentinel"],
        log=folder / "log",
        env=server_environment(),
        cwd=folder,
        when_we_die=SIGTERM,
    )
    try:
        yield f"redis+sentinel://:{password}@127.0.0.1:{port}/{MASTER}/0"
    finally:
        await end([process], *master.stop_steps)
        process.wait()
        for server in (master, replica):
            await server.stop()


def client(url: str) -> redis.asyncio.Redis:
    return redis.asyncio.Redis.from_url(url, decode_responses=True)


async def knows_replica(url: str) -> None:
    """The Sentinel has found the replica, and would promote it."""
    parts = urlsplit(url)
    async with asyncio.timeout(30), client(f"redis://127.0.0.1:{parts.port}") as asked:
        while True:
            try:
                found = await asked.sentinel_slaves(MASTER)
            except (RedisError, OSError):
                found = []
            if any(each["is_slave"] and not each["is_disconnected"] for each in found):
                return


async def test_a_replica_that_is_promoted(tmp_path: Path) -> None:
    master, replica = EmbeddedRedis(tmp_path / "one"), EmbeddedRedis(tmp_path / "other")
    async with sentinel(tmp_path, master, replica) as url:
        await knows_replica(url)
        async with both(url) as (publisher, subscriber, heard):
            room = fresh()
            await subscriber.follow(room)
            publisher.publish(room, 1, 1, b"before")
            assert await heard.has(1) == [(room, b"before")]
            cache = SessionCache(url, SEALER, OPENER)
            await cache.put(b"sid", SESSION, 60_000)
            assert await cache.get(b"sid") == SESSION

            await master.stop()
            await is_up(publisher, subscriber, up=False)
            await is_up(publisher, subscriber)
            async with client(f"redis://:{urlsplit(url).password}@127.0.0.1:{_port(replica)}") as promoted:
                assert (await promoted.role())[0] == "master"
            await subscriber.follow(fresh())
            publisher.publish(room, 1, 2, b"after")
            assert (await heard.has(2))[1] == (room, b"after")
            async with asyncio.timeout(20):
                while await cache.get(b"sid2") is None:
                    await cache.put(b"sid2", SESSION, 60_000)
            await cache.close()


async def test_a_server_that_is_no_master_any_more_is_left(tmp_path: Path) -> None:
    """The Sentinel still names a server which has become a replica: what is published there would reach nobody."""
    master, replica = EmbeddedRedis(tmp_path / "one"), EmbeddedRedis(tmp_path / "other")
    async with sentinel(tmp_path, master, replica) as url:
        await knows_replica(url)
        password, port = urlsplit(url).password, _port(master)
        async with client(f"redis://:{password}@127.0.0.1:{port}") as demoted:
            await demoted.replicaof("127.0.0.1", str(_port(replica)))
            publisher = RedisPublisher(url, SEALER)
            with capture_logs() as logs:
                async with kept(publisher), asyncio.timeout(20):
                    while not logs:
                        await demoted.ping()
                    assert [each["reason"] for each in logs] == ["is a replica, and no master"]
                    assert not publisher.up
                    await demoted.replicaof("no", "one")
                    await is_up(publisher)


def _port(server: EmbeddedRedis) -> int:
    return int((server.folder / "port").read_text())
