"""A room actor that cannot be started, in a Ray of the test's own: whoever wished for it is told why, at once, and no
process of it stays."""

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
from tavola.actors.cluster.control_plane import joined
from tavola.actors.cluster.directory import ClusterUnavailable
from tavola.actors.cluster.node_keeper import NodeKeeper
from tavola.actors.cluster.wishes import Wisher
from tavola.config.settings import Settings
from tavola.storage.postgres import Database

async def main(settings):
    database = await Database.connect(settings.database_url)
    node = await joined(settings, database)
    keeper = NodeKeeper("n", 1, database, node, spares=0, shared=False)
    await keeper.beat()
    running = asyncio.create_task(keeper.run(0.05))
    try:
        await Wisher(database, 1).start_actor()
    except ClusterUnavailable as error:
        print(error, flush=True)

settings = Settings(
    DATABASE_URL=sys.argv[1], RAY_ADDRESS=sys.argv[2], TAVOLA_JWT_SECRET="another secret than the database's"
)
asyncio.run(main(settings))
"""
WHY = "SettingsError: TAVOLA_JWT_SECRET: is not the secret that this database is used with"


async def test_whoever_wished_is_told_why(database_url: str) -> None:
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
            assert told.stdout.splitlines()[-1].startswith(WHY), told.stdout
            assert ray.process is not None
            head = psutil.Process(ray.process.pid)
            await until(lambda: not [p for p in head.children(recursive=True) if "Actor" in p.name()], "all have ended")
