"""All that can be lost of a cluster in the lab: how each is done, and who does it while `tavola load` plays."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import asyncpg

from cluster.deployment import MACHINES, WORKERS, Deployment, DeploymentStores
from cluster.lab import Host
from tavola.load.evidence.evidence import Text
from tavola.load.evidence.truth import Truth
from tavola.load.faults.effects import events
from tavola.load.faults.injector import Injected
from tavola.load.faults.proxy import Proxy
from tavola.load.run.run import Run

OF_HOSTS = ("worker-power", "worker-link", "head-power", "worker-and-redis")
SETTLED_S = 6.0
"""Between what was lost and the next loss, when all is back."""
CUT_S = 30.0
LET_GO_S = 10.0
"""An edge that is cut off has let all its players go by then."""
HEAD_AWAY_S = 75.0
"""Longer than the minute after which Ray's other nodes would end, were they not told to wait."""
FAILOVER_S = 3.0
"""For so long nobody knows that the primary is gone."""
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

    def __init__(self, deployment: Deployment, stores: DeploymentStores) -> None:
        self.database_url, self.redis_url = deployment.database_url, deployment.redis_url
        self.secrets = deployment.secrets
        self.secret = deployment.secrets["TAVOLA_JWT_SECRET"]
        self.stores = stores

    def pids(self) -> dict[str, list[int]]:
        return {}

    async def restart_postgres(self, away_s: float) -> None:
        await asyncio.to_thread(self.stores.do, "restart postgres")

    async def crash_postgres(self, away_s: float) -> None:
        await asyncio.to_thread(self.stores.do, "crash postgres")

    async def restart_redis(self, away_s: float) -> None:
        await asyncio.to_thread(self.stores.do, "restart redis")


class LabGrounds:
    """The cluster in the lab. `plan` names its losses, one after the other."""

    def __init__(self, deployment: Deployment, stores: DeploymentStores, plan: Sequence[str]) -> None:
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
            rooms = {name: await self.on([name]) for name in MACHINES}
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
        away_s: float | None = None,
    ) -> Injected:
        """Loses hosts, waits until their rooms go on, or `away_s`, brings them back, and waits until their edges take
        players, if that `returns` by itself."""
        concerned = await self.on([host.name for host in hosts])
        at = time.time()
        lose()
        rooms = {room["id"]: room["epoch"] for room in concerned}
        fault = Injected(kind, at, at, what, rooms, len(rooms), self.deployment.urls[hosts[0].name])
        if away_s is None:
            await self._gone_on({room["id"]: room["seq"] for room in concerned})
        else:
            await asyncio.sleep(away_s)
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

    def said(self, machine: str, since: float) -> Counter[str]:
        """How often which event was logged there."""
        texts = [Text(name, text) for name, text in self.deployment.logs() if name.startswith(f"{machine}/")]
        return Counter(event.name for event in events(texts) if event.at >= since)

    async def on(self, names: Sequence[str]) -> list[Any]:
        """The rooms whose actors are on these machines."""
        return [room for name in names for room in await self._rows(_ON_NODE, self.deployment.lab[name].address)]

    async def stood_still(self, rooms: Sequence[Any], seconds: float) -> float:
        """For how long one of these rooms had no accepted move, at most, within so many seconds."""
        began = time.monotonic()
        seen, since = {room["id"]: room["seq"] for room in rooms}, dict.fromkeys((room["id"] for room in rooms), began)
        longest = 0.0
        while (now := time.monotonic()) < began + seconds:
            for row in await self._rows(_NOW, list(seen)):
                longest = max(longest, now - since[row["room_id"]])
                if row["seq"] > seen[row["room_id"]]:
                    seen[row["room_id"]], since[row["room_id"]] = row["seq"], now
            await asyncio.sleep(LOOK_S)
        return longest

    async def _rows(self, query: str, *arguments: Any) -> list[Any]:
        connection = await asyncpg.connect(self.servers.database_url, ssl=False, timeout=10)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close(timeout=2)


async def worker_power(loser: Loser, kind: str) -> Injected:
    """A worker loses its power. With it again, nobody starts anything there but its crontab."""
    worker = await loser.worker()

    def back() -> None:
        worker.on()
        worker.wait()

    return await loser.lose(kind, f"{worker.name} lost its power", [worker], worker.off, back)


async def worker_link(loser: Loser, kind: str) -> Injected:
    """A worker's link is cut for half a minute, and all else goes on there."""
    worker, began = await loser.worker(), time.monotonic()
    leaving = asyncio.create_task(sockets_gone(worker))
    fault = await loser.lose(kind, f"{worker.name} was cut off", [worker], worker.cut, lambda: None, returns=False)
    await asyncio.sleep(max(0.0, began + CUT_S - time.monotonic()))
    worker.mend()
    fault.until = time.time()
    await loser.until_ready(worker.name)
    await asyncio.sleep(SETTLED_S)
    sockets, after_s = await leaving
    said = loser.said(worker.name, fault.at)
    fault.what += (
        f" for {CUT_S:.0f} s: its edge said {said['edge.cut_off']} times that it was, and had let {sockets} sockets go"
        f" after {after_s:.1f} s; with its link again, rooms were fenced there {said['room.fenced']} times"
    )
    if after_s > LET_GO_S or not said["edge.cut_off"] or not said["room.fenced"]:
        fault.hurt = None
    return fault


async def sockets_gone(host: Host) -> tuple[int, float]:
    """How many sockets players have to the edge there, and after how many seconds there are none."""
    began, at_first = time.monotonic(), await _sockets(host)
    while await _sockets(host) and time.monotonic() - began < CUT_S:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_S)
    return at_first, time.monotonic() - began


async def _sockets(host: Host) -> int:
    lines = (await asyncio.to_thread(host.ssh, "cat /proc/net/tcp")).splitlines()[1:]
    fields = [line.split() for line in lines]
    return sum(each[1].endswith(":1F40") and each[3] == "01" for each in fields)  # port 8000, established


async def head_power(loser: Loser, kind: str) -> Injected:
    """The head loses its power. With it again, nobody says anything: its crontab has it start."""
    head = loser.deployment.lab["head"]
    on_at = 0.0

    def back() -> None:
        nonlocal on_at
        on_at = time.time()
        head.on()

    watching = asyncio.create_task(loser.stood_still(await loser.on(WORKERS), HEAD_AWAY_S))
    fault = await loser.lose(kind, "the head lost its power", [head], head.off, back, returns=False, away_s=HEAD_AWAY_S)
    started_at = await loser.first_start(on_at)
    fault.what += (
        f" for {HEAD_AWAY_S:.0f} s: no room elsewhere stood still for more than {await watching:.1f} s; with power"
        f" again, a room actor started after {started_at - on_at:.1f} s"
    )
    for name in MACHINES:
        await loser.until_ready(name)
    fault.what += f", and all edges were ready after {time.time() - on_at:.1f} s"
    return fault


async def worker_and_redis(loser: Loser, kind: str) -> Injected:
    """A worker loses its power, and Redis is restarted in the same moment."""
    redis = asyncio.create_task(loser.servers.restart_redis(0.0))
    fault = await worker_power(loser, kind)
    await redis
    fault.what += ", and Redis was restarted"
    return fault


async def postgres_promotion(loser: Loser, kind: str) -> Injected:
    """The primary is killed, and its standby promoted; then what was the primary becomes the standby."""
    stores, at = loser.servers.stores, time.time()
    await asyncio.to_thread(stores.promote, FAILOVER_S)
    fault = Injected(kind, at, time.time(), f"Postgres was killed, and its standby promoted {FAILOVER_S:.0f} s later")
    await asyncio.to_thread(stores.have_standby)
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
    "postgres-promotion": postgres_promotion,
    "worker-and-redis": worker_and_redis,
}
