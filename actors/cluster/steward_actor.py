"""The few lines that make the steward a Ray actor, one in a cluster."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import ray
import structlog

from tavola.actors.cluster.control_plane import DETACHED, START_TIMEOUT_S, Cluster, in_thread
from tavola.actors.cluster.directory import Directory
from tavola.actors.cluster.service import LAST_WORDS_S, Service, now_ms
from tavola.actors.cluster.steward import Steward
from tavola.config import logs
from tavola.config.settings import Settings
from tavola.games.registry.discovery import install
from tavola.storage.fingerprint import Admitted, admit, replaced
from tavola.storage.postgres import Database, StorageUnavailable

log = structlog.get_logger()

STEWARD = "steward"
SECRET_LOOK_S = 5.0
"""How often the steward looks whether the deployment's secret was replaced."""


class StewardActor(Service):
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
        install(self._settings.games, self._settings.games_path)
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


async def ensure_steward(settings: Settings) -> None:
    """On return the steward runs, in the cluster that this process has joined. Raises `ClusterUnavailable`."""
    await in_thread(_ensure_blocking, settings)


def _ensure_blocking(settings: Settings) -> None:
    options = {**DETACHED, "name": STEWARD, "namespace": settings.namespace, "get_if_exists": True}
    steward: Any = ray.remote(StewardActor).options(**options).remote(settings)
    ray.get(steward.start.remote(), timeout=START_TIMEOUT_S)
