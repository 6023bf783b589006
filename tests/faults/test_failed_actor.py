"""A room actor or a steward that cannot be started, in a Ray of the test's own: whoever asked for it is told why, at
once, and no process of it stays."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from kit.hosts import SECRET
from kit.stack import until
from tavola.stack.local_ray import LocalRay
from tavola.storage.fingerprint import admitted_at

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

START = """
import asyncio, sys
from tavola.actors.cluster.control_plane import Cluster, join
from tavola.actors.cluster.directory import ClusterUnavailable
from tavola.actors.cluster.steward_actor import ensure_steward
from tavola.config.settings import Settings
from tavola.storage.postgres import Database

async def main(settings):
    database = await Database.connect(settings.database_url)
    for start in (Cluster(settings, database).start_actor, lambda: ensure_steward(settings)):
        try:
            await start()
        except ClusterUnavailable as error:
            print(error, flush=True)

settings = Settings(
    DATABASE_URL=sys.argv[1], RAY_ADDRESS=sys.argv[2], TAVOLA_JWT_SECRET="another secret than the database's"
)
join(settings)
asyncio.run(main(settings))
"""
WHY = "SettingsError: TAVOLA_JWT_SECRET: is not the secret that this database is used with"


async def test_whoever_asked_is_told_why(database_url: str) -> None:
    await admitted_at(database_url, SECRET)
    with tempfile.TemporaryDirectory() as folder:
        ray = LocalRay(Path(folder) / "ray")
        async with ray as address:
            told = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-c", START, database_url, address],
                env={**os.environ, **ray.environment},
                capture_output=True,
                text=True,
                timeout=100,
                check=True,
            )
            assert told.stdout.count(WHY) == 2, told.stdout
            assert ray.process is not None
            head = psutil.Process(ray.process.pid)
            await until(lambda: not [p for p in head.children(recursive=True) if "Actor" in p.name()], "all have ended")
