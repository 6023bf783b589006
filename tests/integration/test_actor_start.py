"""A room actor that cannot be started is no process for long: nobody knows it, so nobody would ever end it."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import asyncio
from actors.remote import RoomActor
from storage.postgres import StorageUnavailable
from tavola.settings import Settings

async def main():
    nowhere = Settings(DATABASE_URL="postgresql://nobody@127.0.0.1:1/none", TAVOLA_JWT_SECRET="s" * 32)
    actor = RoomActor("a", nowhere)
    try:
        await actor.start({})
    except StorageUnavailable:
        print("was told why", flush=True)
    await asyncio.sleep(60)  # as Ray would keep it

asyncio.run(main())
"""


def test_an_actor_that_cannot_be_started_says_why_and_ends() -> None:
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=50, check=False)
    assert (ended.returncode, ended.stdout) == (1, "was told why\n"), ended.stderr
