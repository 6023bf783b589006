"""The few lines that make the host and the steward Ray actors. Everything in an actor runs in its one event loop."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Mapping
from typing import Any

import ray
import structlog

from actors import ceiling, crash
from actors.clock import Grace
from actors.directory import Directory
from actors.grants import Mint
from actors.host import Host, Means
from actors.line import LineServer
from actors.steward import Steward
from storage.postgres import Database, StorageUnavailable
from storage.redis import Publisher
from storage.sealing import Sealer
from tavola import logs
from tavola.collector import relax
from tavola.fingerprint import Admitted, admit, replaced
from tavola.keys import Purpose
from tavola.settings import Settings

log = structlog.get_logger()

BEAT_S = 2.0
"""How often an actor says in `room_actors` that it is alive."""
STUCK_S = 60.0
"""An actor whose commit takes so long ends itself. Several times what any of its waits may take."""
LAST_WORDS_S = 1.0
"""How long an actor that could not be started stays, so that who asked for it is told why."""
REPLACED_WITHIN_S = 5.0
"""Over how long actors end when the deployment's secret was replaced: not all of a cluster's rooms move at once."""
SECRET_LOOK_S = 5.0
"""How often the steward looks whether the deployment's secret was replaced."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def _or_die(task: asyncio.Task[Any]) -> None:
    """A part of the actor ended: so does the actor, whatever happens on the way. Its rooms are placed elsewhere."""
    try:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("actor.failed", error=type(error).__name__, exc_info=error)
    finally:
        os._exit(1)


async def beat(name: str, database: Database, host: Host, admitted: Admitted) -> None:
    """Until somebody gave this actor up for dead and took its row away, its work does not go on, or the deployment's
    secret is another."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        await asyncio.sleep(BEAT_S)
        if host.held_up_s > STUCK_S:
            log.error("actor.stuck", actor=name)
            return
        try:
            row = await database.row("beat_actor", name)
            if row is None:
                log.warning("actor.given_up", actor=name)
                return
            if await replaced(database, admitted, row["turn"], loop.time() - began):
                log.info("actor.secret_replaced", actor=name)
                await asyncio.sleep(random.uniform(0.0, REPLACED_WITHIN_S))
                await database.rows("forget_actor", name)
                return
        except StorageUnavailable as error:
            log.warning("actor.beat_failed", reason=str(error))


class _Service:
    """What an actor keeps running; the first part to end takes the process with it."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []

    def keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(_or_die)
        self._tasks.append(task)


class RoomActor(_Service):
    """A `Host` in a process of its own, with its line's door and its row in `room_actors`."""

    def __init__(self, name: str, settings: Settings) -> None:
        super().__init__()
        logs.configure(settings.data_dir)
        self._name = name
        self._settings = settings

    async def start(self, most: Mapping[str, int]) -> str:
        """On return the actor is registered and listens at the returned address. One that cannot be started ends: it is
        detached, has no row, and nobody would ever come for it. `most`: how many there may be on each node."""
        try:
            return await self._start(most)
        except Exception:
            asyncio.get_running_loop().call_later(LAST_WORDS_S, os._exit, 1)
            raise

    async def _start(self, most: Mapping[str, int]) -> str:
        settings = self._settings
        database = await Database.connect(settings.database_url, least=1, most=4)
        admitted = await admit(database, settings.secrets)
        secrets = admitted.secrets
        publisher = Publisher(settings.redis_url, Sealer(secrets.keys(Purpose.REDIS)[0]))
        points = crash.points(os.environ.get("TAVOLA_CRASH_DIR"), publisher.flush)
        grace = Grace(settings.disconnected_after_s * 1000, settings.seat_freed_after_s * 1000, settings.away_turn_ms)
        host = Host(self._name, database, publisher, Means(now_ms, points, Mint(*secrets.all), grace))
        server = LineServer(self._name, secrets, host.handle, host.presence.lost)
        node = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        address = await server.start(node)
        self.keep(publisher.run())
        self.keep(host.run())
        here = (node, os.getpid(), address)
        await ceiling.register(database, self._name, *here, settings.rooms_per_actor, most.get(node))
        self.keep(beat(self._name, database, host, admitted))
        relax()
        return address

    async def ping(self) -> int:
        return os.getpid()


class StewardActor(_Service):
    """A `Steward` in a process of its own."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        logs.configure()
        self._settings = settings
        self._starting: asyncio.Future[None] | None = None

    async def start(self) -> int:
        """On return the steward works; asking again changes nothing. One that cannot be started ends."""
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start())
        try:
            await asyncio.shield(self._starting)
        except Exception:
            asyncio.get_running_loop().call_later(LAST_WORDS_S, os._exit, 1)
            raise
        return os.getpid()

    async def _start(self) -> None:
        from actors.cluster import Cluster

        database = await Database.connect(self._settings.database_url, least=1, most=4)
        admitted = await admit(database, self._settings.secrets)
        cluster = Cluster(self._settings, database)
        directory = Directory(database, cluster)
        self.keep(Steward(self._settings, admitted.secrets, database, directory, cluster, now_ms).run())
        self.keep(self._until_replaced(database, admitted))

    async def _until_replaced(self, database: Database, admitted: Admitted) -> None:
        """Edges start another one, with the secrets that they have."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            await asyncio.sleep(SECRET_LOOK_S)
            try:
                row = await database.row("secret_turn")
                if row is not None and await replaced(database, admitted, row["turn"], loop.time() - began):
                    log.info("steward.secret_replaced")
                    return
            except StorageUnavailable as error:
                log.warning("steward.look_failed", reason=str(error))
