"""The inside of a room actor's process: a host, its line, and its row in `room_actors`."""

from __future__ import annotations

import asyncio
import os
import random
from functools import partial

import structlog

from tavola.actors.cluster import catalogue, ceiling
from tavola.actors.cluster.service import Service
from tavola.actors.host.host import Host, HostDeps
from tavola.actors.room.clock import Grace
from tavola.actors.wire.grants import GrantSigner
from tavola.actors.wire.line import LineServer
from tavola.config import crash, logs
from tavola.config.checkpoints import CheckpointEvery
from tavola.config.clock import now_ms
from tavola.config.collector import relax
from tavola.config.keys import Purpose
from tavola.config.settings import Settings
from tavola.config.traces import tracer_of
from tavola.games.registry import use
from tavola.games.registry.discovery import install
from tavola.games.registry.reload import LOOK_S, Reloader
from tavola.storage.fingerprint import Admitted, admit, replaced
from tavola.storage.pooler.client import PoolerDatabase
from tavola.storage.pooler.door import Door
from tavola.storage.postgres import Database, StorageUnavailable
from tavola.storage.redis import RedisPublisher
from tavola.storage.sealing import Sealer

log = structlog.get_logger()

BEAT_S = 2.0
"""How often an actor says in `room_actors` that it is alive."""
NO_SPACE_S = 1.0
"""How often an actor says that there is no space for its commits."""
OWN_CONNECTIONS = 20
"""Actors that carry so many rooms each have connections of their own: there are few of them, and nothing is nearer."""
STUCK_S = 60.0
"""An actor whose commit takes so long ends itself. Several times what any of its waits may take."""
REPLACED_WITHIN_S = 5.0
"""Over how long actors end when the deployment's secret was replaced: not all of a cluster's rooms move at once."""


def waiting(database: Database, host: Host, redis: RedisPublisher) -> dict[str, int]:
    """The queues of an actor, by name; `no_redis` is 1 while it has none."""
    at_storage = database.owed if isinstance(database, PoolerDatabase) else database.waiting
    return {**host.waiting, "storage": at_storage, "no_redis": int(not redis.up)}


async def beat(name: str, database: Database, host: Host, redis: RedisPublisher, admitted: Admitted) -> None:
    """Until somebody gave this actor up for dead and took its row away, its work does not go on, or the deployment's
    secret is another."""
    loop = asyncio.get_running_loop()
    began, known = loop.time(), None
    while True:
        await asyncio.sleep(BEAT_S)
        if host.held_up_s > STUCK_S:
            log.error("actor.stuck", actor=name)
            return
        try:
            measured = host.measures.text(logs.COUNTED, waiting(database, host, redis))
            row = await database.row("beat_actor", name=name, measured=None if measured == known else measured)
            if row is None:
                log.warning("actor.given_up", actor=name)
                return
            known = measured
            if await replaced(database, admitted, row["turn"], loop.time() - began):
                log.info("actor.secret_replaced", actor=name)
                await asyncio.sleep(random.uniform(0.0, REPLACED_WITHIN_S))
                await database.rows("forget_actor", name=name)
                return
        except StorageUnavailable as error:
            log.warning("actor.beat_failed", reason=str(error))


async def _renewing(host: Host, reloader: Reloader) -> None:
    """Games that are saved are the host's from the next round on."""
    while True:
        await asyncio.sleep(LOOK_S)
        if (saved := reloader.saved()) is not None:
            host.renew(partial(use, [each.game for each in saved]))


async def tell_of_no_space(name: str, database: Database, host: Host) -> None:
    """The steward makes space where there is some to be made, while commits are tried again."""
    while True:
        await host.no_space.wait()
        host.no_space.clear()
        try:
            await database.rows("found_no_space", name=name)
        except StorageUnavailable as error:
            log.warning("actor.beat_failed", reason=str(error))
        await asyncio.sleep(NO_SPACE_S)


async def _storage(settings: Settings) -> Database:
    """The way to Postgres: the node's pooler, unless an actor carries so many rooms that it is worth connections of its
    own, or the node has none."""
    if settings.rooms_per_actor < OWN_CONNECTIONS and (door := Door.of_this_node(settings.database_url)):
        return PoolerDatabase(door)
    return await Database.connect(settings.database_url, least=1, most=4)


class RoomProcess(Service):
    """A `Host` in a process of its own, with its line's door and its row in `room_actors`."""

    def __init__(self, name: str, settings: Settings, node: str, most: int | None) -> None:
        """`node` is the address at which it listens, and `most` says how many actors may be there."""
        super().__init__()
        logs.configure(name, settings.log_format, settings.log_level, settings.data_dir)
        self._name = name
        self._settings = settings
        self._node = node
        self._most = most

    async def start(self) -> None:
        """On return the actor is registered and listens."""
        settings = self._settings
        games = install(settings.games, settings.games_path)
        database = await _storage(settings)
        admitted = await admit(database, settings.secrets)
        secrets = admitted.secrets
        publisher = RedisPublisher(settings.redis_url, Sealer(secrets.keys(Purpose.REDIS)[0]))
        points = crash.points(os.environ.get("TAVOLA_CRASH_DIR"), publisher.flush)
        grace = Grace(
            settings.disconnected_after_s * 1000,
            settings.seat_freed_after_s * 1000,
            settings.away_turn_ms,
            settings.member_leaves_after_s * 1000,
            settings.empty_room_minutes * 60_000,
            settings.idle_turns,
        )
        every = CheckpointEvery.of(settings.checkpoint_every)
        deps = HostDeps(
            now_ms, points, GrantSigner(*secrets.all), grace, every, tracer_of(settings, "room-actor", self._name)
        )
        host = Host(self._name, database, publisher, deps)
        server = LineServer(self._name, secrets, host.handle, host.presence.lost, host.rooms.teller, host.errand)
        address = await server.start(self._node)
        await host.warm()
        self.keep(publisher.run())
        self.keep(host.run())
        here = (self._node, os.getpid(), address)
        await ceiling.register(database, self._name, *here, settings.rooms_per_actor, self._most)
        await catalogue.say_first(database, self._name, games)
        self.keep(beat(self._name, database, host, publisher, admitted))
        if settings.games_reload:
            self.keep(_renewing(host, Reloader(settings.games, settings.games_path, games)))
        self.keep(tell_of_no_space(self._name, database, host))
        relax()
