"""The kinds of faults, and how each is made. Each kind is a function that does it, waits until it is over, and says
what it did."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeAlias

import msgspec
import redis.asyncio

from tavola.load.faults.targets import Site, freeze, kill, thaw

MOVE = b'"turn":['
"""Stands in every commit after which somebody is to move, in the state; the command in its log is packed."""
MOVE_WITHIN_S = 5.0


class FaultDone(msgspec.Struct, frozen=True):
    """A fault that was made. `rooms` are those that it concerned, at the epochs that they had; `hurt` counts what was
    certainly lost by it (connections, messages, keys), where that is known."""

    what: str
    rooms: dict[str, int] = {}
    hurt: int | None = None
    url: str = ""
    """Of the edge that it was done to."""


Kind: TypeAlias = Callable[[Site, Random], Awaitable[FaultDone | None]]
"""None: there was nothing to break just now."""


async def actor_kill(site: Site, chance: Random) -> FaultDone | None:
    """A room actor dies at once (SIGKILL)."""
    actors = await site.actors()
    if not actors:
        return None
    pid, rooms = chance.choice(list(actors.items()))
    kill(pid)
    return FaultDone(f"killed actor {pid}", rooms)


async def actor_freeze(site: Site, chance: Random) -> FaultDone | None:
    """A room actor stands still for longer than others wait for it, and then goes on as if nothing had been."""
    actors = await site.actors()
    if not actors:
        return None
    (pid, rooms), seconds = chance.choice(list(actors.items())), chance.uniform(2.0, 4.0)
    freeze(pid)
    try:
        await asyncio.sleep(seconds)
    finally:
        thaw(pid)
    return FaultDone(f"froze actor {pid} for {seconds:.1f} s", rooms)


async def edge_kill(site: Site, chance: Random) -> FaultDone | None:
    """An edge dies at once, while another one stands."""
    edges = site.edges()
    if len(edges) < max(2, site.edge_count()):
        return None
    pid = chance.choice(list(edges))
    kill(pid)
    return FaultDone(f"killed edge {pid}", url=edges[pid])


async def redis_restart(site: Site, chance: Random) -> FaultDone:
    away_s = chance.uniform(0.0, 1.5)
    await site.servers.restart_redis(away_s)
    return FaultDone(f"restarted Redis, away for {away_s:.1f} s")


async def redis_flush(site: Site, chance: Random) -> FaultDone:
    """Everything in Redis is gone."""
    async with redis.asyncio.Redis.from_url(site.servers.redis_url) as client:
        keys = int(await client.dbsize())
        await client.flushall()
    return FaultDone(f"flushed {keys} keys of Redis", hurt=keys)


async def redis_cut(site: Site, chance: Random) -> FaultDone | None:
    """Every connection to Redis is cut, with what was on its way."""
    if site.servers.channel is None:
        return None
    cut = site.servers.channel.cut()
    return FaultDone(f"cut {cut} connections to Redis", hurt=cut)


async def postgres_restart(site: Site, chance: Random) -> FaultDone:
    away_s = chance.uniform(0.0, 1.0)
    await site.servers.restart_postgres(away_s)
    return FaultDone(f"restarted Postgres, away for {away_s:.1f} s")


async def postgres_crash(site: Site, chance: Random) -> FaultDone:
    """Postgres dies at once (SIGKILL), and recovers from its write-ahead log."""
    await site.servers.crash_postgres(0.0)
    return FaultDone("killed Postgres")


async def postgres_terminate(site: Site, chance: Random) -> FaultDone:
    """The database ends sessions, whatever they are at: some of them, or all."""
    [row] = await site.truth.rows("terminate", chance.choice([0.3, 1.0]))
    return FaultDone(f"terminated {row[0]} sessions of Postgres", hurt=row[0])


async def postgres_cut(site: Site, chance: Random) -> FaultDone | None:
    """Every connection to Postgres is cut, with what was on its way: commits that happened, and some that did not."""
    if site.servers.database is None:
        return None
    cut = site.servers.database.cut()
    return FaultDone(f"cut {cut} connections to Postgres", hurt=cut)


async def commit_reply_lost(site: Site, chance: Random) -> FaultDone | None:
    """A move is committed, and whoever committed it is not told."""
    wire = site.servers.database
    if wire is None or not await wire.lose("reply", MOVE, MOVE_WITHIN_S):
        return None
    return FaultDone("lost the answer to a commit", hurt=1)


async def commit_lost(site: Site, chance: Random) -> FaultDone | None:
    """A commit is sent and never arrives, which looks just the same."""
    wire = site.servers.database
    if wire is None or not await wire.lose("request", MOVE, MOVE_WITHIN_S):
        return None
    return FaultDone("lost a commit", hurt=1)


async def net_delay(site: Site, chance: Random) -> FaultDone | None:
    """The way to Postgres, or to Redis, is slow for a while."""
    proxy, name = chance.choice([(site.servers.database, "Postgres"), (site.servers.channel, "Redis")])
    if proxy is None:
        return None
    delay_s, seconds, before = chance.uniform(0.02, 0.2), chance.uniform(0.5, 2.0), proxy.delayed
    async with proxy.slow(delay_s):
        await asyncio.sleep(seconds)
    what = f"delayed {name} by {delay_s * 1000:.0f} ms for {seconds:.1f} s"
    return FaultDone(what, hurt=proxy.delayed - before)


async def client_drop(site: Site, chance: Random) -> FaultDone:
    """Some players lose their connection."""
    dropped = site.drop_clients(chance.uniform(0.05, 0.3))
    return FaultDone(f"dropped {dropped} clients", hurt=dropped)


async def client_storm(site: Site, chance: Random) -> FaultDone:
    """Everybody loses their connection at once."""
    dropped = site.drop_clients(1.0)
    return FaultDone(f"dropped all {dropped} clients", hurt=dropped)


KINDS: dict[str, tuple[Kind, float]] = {
    "actor-kill": (actor_kill, 20),
    "actor-freeze": (actor_freeze, 3),
    "edge-kill": (edge_kill, 2),
    "redis-restart": (redis_restart, 3),
    "redis-flush": (redis_flush, 3),
    "redis-cut": (redis_cut, 8),
    "postgres-restart": (postgres_restart, 1),
    "postgres-crash": (postgres_crash, 1),
    "postgres-terminate": (postgres_terminate, 8),
    "postgres-cut": (postgres_cut, 8),
    "commit-reply-lost": (commit_reply_lost, 12),
    "commit-lost": (commit_lost, 8),
    "net-delay": (net_delay, 4),
    "client-drop": (client_drop, 15),
    "client-storm": (client_storm, 2),
}
"""Each kind, and how often it is done, as a share of all: what is dear to recover from is done less often."""


ON_THE_WIRE = frozenset({"redis-cut", "postgres-cut", "commit-reply-lost", "commit-lost", "net-delay"})
"""Kinds that need wires before the servers, as only a run's own have them."""
