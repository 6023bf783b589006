"""All that can be lost of a cluster in the lab: how each is done, and who does it while `tavola load` plays."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import asyncpg

from cluster.deployment import MACHINES, WORKERS, Deployment, StoresHost
from cluster.lab import Host
from tavola.load.evidence.evidence import Text
from tavola.load.evidence.truth import Truth
from tavola.load.faults.injector import Injected
from tavola.load.faults.proxy import Proxy
from tavola.load.run.run import Run

OF_HOSTS = ("worker-power", "worker-link", "head-power", "worker-and-redis")
SETTLED_S = 6.0
"""Between what was lost and the next loss, when all is back."""
CUT_S = 30.0
BACK_WITHIN_S = 120.0
LOOK_S = 0.2
ROOMS_LEAST, TRIES = 3, 5
MOVES = 2
"""Accepted moves after which a room goes on."""

_ON_NODE = """
SELECT r.id, g.epoch, g.seq, a.pid
FROM room_actors a JOIN rooms r ON r.actor = a.name JOIN game_states g ON g.room_id = r.id
WHERE a.address LIKE $1 || ':%'
"""
_STARTED = """
SELECT extract(epoch FROM started_at)::float AS at FROM room_actors
WHERE started_at > to_timestamp($1) ORDER BY started_at LIMIT 1
"""
_NOW = "SELECT room_id, seq FROM game_states WHERE room_id = ANY($1)"


class LabServers:
    """Postgres and Redis of the lab. No wire of ours is before them."""

    database: Proxy | None = None
    channel: Proxy | None = None

    def __init__(self, deployment: Deployment, stores: StoresHost) -> None:
        self.database_url, self.redis_url = deployment.database_url, deployment.redis_url
        self.secrets = deployment.secrets
        self.secret = deployment.secrets["TAVOLA_JWT_SECRET"]
        self._stores = stores

    def pids(self) -> dict[str, list[int]]:
        return {}

    async def restart_postgres(self, away_s: float) -> None:
        await asyncio.to_thread(self._stores.do, "restart postgres")

    async def crash_postgres(self, away_s: float) -> None:
        await asyncio.to_thread(self._stores.do, "crash postgres")

    async def restart_redis(self, away_s: float) -> None:
        await asyncio.to_thread(self._stores.do, "restart redis")


class LabGrounds:
    """The cluster in the lab. `plan` names its losses, one after the other."""

    def __init__(self, deployment: Deployment, stores: StoresHost, plan: Sequence[str]) -> None:
        self.servers = LabServers(deployment, stores)
        self.environment = {
            "DATABASE_URL": deployment.database_url,
            "REDIS_URL": deployment.redis_url,
            "TAVOLA_JWT_SECRET": self.servers.secret,
            "RAY_ADDRESS": f"{deployment.lab['head'].address}:6379",
        }
        self.deployment = deployment
        self._plan = plan
        self._run: Run | None = None

    def roots(self) -> dict[str, list[int]]:
        return {host.name: [host.pid] for host in self.deployment.machines() if host.pid is not None}

    def texts(self) -> list[Text]:
        return [Text(name, text) for name, text in self.deployment.logs()]

    def breaker(self, truth: Truth, run: Run) -> tuple[Loser, int]:
        self._run = run
        return Loser(self, self._plan), len(self._plan)

    def connections_lost(self) -> list[tuple[float, str]]:
        """When a player lost a connection, and to which edge."""
        return self._run.stats.losses if self._run is not None else []


Loss: TypeAlias = Callable[["Loser", str], Awaitable[Injected]]


class Loser:
    """Loses what was planned, one after the other; after each it waits until the machines are back and play goes on."""

    def __init__(self, grounds: LabGrounds, plan: Sequence[str]) -> None:
        self.deployment = grounds.deployment
        self.servers = grounds.servers
        self.done: list[Injected] = []
        self.left_out: Counter[str] = Counter()
        self._plan = plan

    async def run(self) -> None:
        for kind in self._plan:
            await asyncio.sleep(SETTLED_S)
            fault = await LOSSES[kind](self, kind)
            if kind in OF_HOSTS and not fault.rooms:
                self.left_out[kind] += 1
                continue
            print(f"{time.strftime('%T')} {kind}: {fault.what}, {len(fault.rooms)} rooms", flush=True)
            self.done.append(fault)

    async def worker(self) -> Host:
        """One with rooms. Where none has enough, room actors of the other machines are killed: theirs go elsewhere."""
        for _ in range(TRIES):
            rooms = {name: await self._rows(_ON_NODE, self.deployment.lab[name].address) for name in MACHINES}
            chosen = max(WORKERS, key=lambda name: len(rooms[name]))
            if len(rooms[chosen]) >= ROOMS_LEAST:
                break
            fullest = max(rooms, key=lambda name: len(rooms[name]))
            for pid in {room["pid"] for room in rooms[fullest]}:
                await asyncio.to_thread(self.deployment.lab[fullest].ssh, f"kill -9 {pid} || true")
            await asyncio.sleep(SETTLED_S)
        return self.deployment.lab[chosen]

    async def lose(
        self,
        kind: str,
        what: str,
        hosts: Sequence[Host],
        lose: Callable[[], object],
        back: Callable[[], object],
        *,
        returns: bool = True,
    ) -> Injected:
        """Loses hosts, waits until their rooms go on, brings them back, and waits until their edges take players, if
        that `returns` by itself."""
        concerned = [room for host in hosts for room in await self._rows(_ON_NODE, host.address)]
        at = time.time()
        lose()
        rooms = {room["id"]: room["epoch"] for room in concerned}
        fault = Injected(kind, at, at, what, rooms, len(rooms), self.deployment.urls[hosts[0].name])
        await self._gone_on({room["id"]: room["seq"] for room in concerned})
        back()
        fault.until = time.time()
        for host in hosts if returns else ():
            await self.until_ready(host.name)
        return fault

    async def _gone_on(self, before: Mapping[str, int]) -> None:
        give_up_at = time.monotonic() + BACK_WITHIN_S
        while time.monotonic() < give_up_at:
            now = {row["room_id"]: row["seq"] for row in await self._rows(_NOW, list(before))}
            if all(now.get(room, 1 << 62) >= seq + MOVES for room, seq in before.items()):
                return
            await asyncio.sleep(LOOK_S)

    async def until_ready(self, name: str) -> None:
        give_up_at = time.monotonic() + BACK_WITHIN_S
        while not await asyncio.to_thread(self.deployment.ready, name):
            if time.monotonic() > give_up_at:
                print(self.deployment.said(name)[-4000:], flush=True)
                raise TimeoutError(f"{name} did not come back within {BACK_WITHIN_S:.0f} s")
            await asyncio.sleep(LOOK_S)

    async def first_start(self, after: float) -> float:
        """When the first room actor started after that."""
        give_up_at = time.monotonic() + BACK_WITHIN_S
        while not (rows := await self._rows(_STARTED, after)):
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"no room actor was started within {BACK_WITHIN_S:.0f} s")
            await asyncio.sleep(LOOK_S)
        return float(rows[0]["at"])

    async def _rows(self, query: str, *arguments: Any) -> list[Any]:
        connection = await asyncpg.connect(self.servers.database_url, ssl=False, timeout=10)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close(timeout=2)


async def worker_power(loser: Loser, kind: str) -> Injected:
    """A worker loses its power. With it again, nobody starts anything there but the head."""
    worker = await loser.worker()

    def back() -> None:
        worker.on()
        worker.wait()

    return await loser.lose(kind, f"{worker.name} lost its power", [worker], worker.off, back)


async def worker_link(loser: Loser, kind: str) -> Injected:
    """A worker's link is cut for half a minute, and all else goes on there."""
    worker, began = await loser.worker(), time.monotonic()
    fault = await loser.lose(kind, f"{worker.name} was cut off", [worker], worker.cut, lambda: None, returns=False)
    await asyncio.sleep(max(0.0, began + CUT_S - time.monotonic()))
    worker.mend()
    fault.until = time.time()
    await loser.until_ready(worker.name)
    return fault


async def head_power(loser: Loser, kind: str) -> Injected:
    """The head loses its power. With it again, somebody says `ray up`."""
    head = loser.deployment.lab["head"]

    def back() -> None:
        head.on()
        head.wait()

    fault = await loser.lose(kind, "the head lost its power", [head], head.off, back, returns=False)
    on_at = time.time()
    await asyncio.to_thread(loser.deployment.up)
    up_at, started_at = time.time(), await loser.first_start(on_at)
    print(f"the head: power at 0 s, `ray up` until {up_at - on_at:.1f} s, a room actor at {started_at - on_at:.1f} s")
    return fault


async def worker_and_redis(loser: Loser, kind: str) -> Injected:
    """A worker loses its power, and Redis is restarted in the same moment."""
    redis = asyncio.create_task(loser.servers.restart_redis(0.0))
    fault = await worker_power(loser, kind)
    await redis
    fault.what += ", and Redis was restarted"
    return fault


def _of_servers(restart: str) -> Loss:
    async def lost(loser: Loser, kind: str) -> Injected:
        at = time.time()
        await getattr(loser.servers, restart)(0.0)
        return Injected(kind, at, time.time(), f"{restart.replace('_', ' ')}")

    return lost


LOSSES: dict[str, Loss] = {
    "worker-power": worker_power,
    "worker-link": worker_link,
    "head-power": head_power,
    "redis-restart": _of_servers("restart_redis"),
    "postgres-restart": _of_servers("restart_postgres"),
    "postgres-crash": _of_servers("crash_postgres"),
    "worker-and-redis": worker_and_redis,
}
