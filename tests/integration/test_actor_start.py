"""A room actor or a steward that cannot be started is no process for long: nobody knows it, so nobody would ever end
it."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from tavola.fingerprint import admitted_at
from tavola.keys import Secrets

SCRIPT = """
import asyncio, sys
from actors.remote import RoomActor, StewardActor
from tavola.settings import Settings

async def main():
    which, url = sys.argv[1:]
    settings = Settings(DATABASE_URL=url, TAVOLA_JWT_SECRET="s" * 32)
    actor = RoomActor("a", settings) if which == "actor" else StewardActor(settings)
    try:
        await actor.start()
    except Exception as error:
        print(type(error).__name__, flush=True)
    await asyncio.sleep(60)  # as Ray would keep it

asyncio.run(main())
"""
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


def started(which: str, url: str) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, which, url], capture_output=True, text=True, timeout=50, check=False
    )
    return ended.returncode, ended.stdout.splitlines()[-1]


@pytest.mark.parametrize("which", ["actor", "steward"])
def test_who_cannot_be_started_says_why_and_ends(which: str) -> None:
    assert started(which, NOWHERE) == (1, "StorageUnavailable")


@pytest.mark.parametrize("which", ["actor", "steward"])
def test_who_has_another_secret_than_the_database_says_so_and_ends(which: str, database_url: str) -> None:
    asyncio.run(admitted_at(database_url, Secrets(b"o" * 32)))
    assert started(which, database_url) == (1, "SettingsError")
