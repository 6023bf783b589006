"""The few lines that make the steward a Ray actor, one in a cluster."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import ray
import structlog

from tavola.actors.cluster.control_plane import DETACHED, Cluster, in_thread
from tavola.actors.cluster.directory import Directory
from tavola.actors.cluster.service import Service, await_call, live
from tavola.actors.cluster.steward import Steward
from tavola.config import crash, logs
from tavola.config.clock import now_ms
from tavola.config.settings import Settings
from tavola.games.registry.discovery import install
from tavola.storage.fingerprint import Admitted, admit, replaced
from tavola.storage.postgres import Database, StorageUnavailable

log = structlog.get_logger()

STEWARD = "steward"
FAILS_WITHIN_S = 5.0
"""For so long whoever makes a steward listens why it could not be started. It has connected to Postgres by then."""
SECRET_LOOK_S = 5.0
"""How often the steward looks whether the deployment's secret was replaced."""


class StewardActor:
    """A `StewardProcess` as a detached Ray actor, in one call."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        await_call()

    def serve(self) -> None:
        """As `StewardProcess.serve`."""
        live(StewardProcess(self._settings).serve())


class StewardProcess(Service):
    """A `Steward` in a process of its own, which is in the cluster."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        logs.configure("steward", settings.log_format, settings.log_level)
        self._settings = settings

    async def start(self) -> None:
        """On return the steward works."""
        install(self._settings.games, self._settings.games_path)
        database = await Database.connect(self._settings.database_url, least=1, most=8)
        admitted = await admit(database, self._settings.secrets)
        cluster = Cluster(self._settings, database)
        directory = Directory(database, cluster)
        points = crash.points(os.environ.get("TAVOLA_CRASH_DIR"), lambda: None)
        self.keep(Steward(self._settings, admitted.secrets, database, directory, cluster, now_ms, points).run())
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
    """On return there is a steward in the cluster that this process has joined, or one starts. Raises
    `ClusterUnavailable`."""
    await in_thread(_ensure_blocking, settings)


def _ensure_blocking(settings: Settings) -> None:
    """Where it is not there, it is made. One that cannot be started says why, and a moment later is there no more."""
    try:
        ray.get_actor(STEWARD, namespace=settings.namespace)
        return
    except ValueError:
        options = {**DETACHED, "name": STEWARD, "namespace": settings.namespace}
    try:
        steward: Any = ray.remote(StewardActor).options(**options).remote(settings)
    except ray.exceptions.ActorAlreadyExistsError:
        return
    failed, _ = ray.wait([steward.serve.remote()], timeout=FAILS_WITHIN_S)
    if failed:
        ray.get(failed)
