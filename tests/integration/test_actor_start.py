"""A room actor or a steward that cannot be started is no process for long: nobody knows it, so nobody would ever end
it. Nor is one whose work does not go on."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from kit.hosts import SECRET, WITHIN_S, chat, connected, hosting, open_room, place
from kit.proxy import proxied
from tavola.actors.cluster import room_process
from tavola.config.keys import Secrets
from tavola.storage.fingerprint import admit, admitted_at

SCRIPT = """
import asyncio, sys
from tavola.actors.cluster.room_process import RoomProcess
from tavola.actors.cluster.steward_actor import StewardActor
from tavola.config.settings import Settings

async def main():
    which, url = sys.argv[1:]
    settings = Settings(DATABASE_URL=url, TAVOLA_JWT_SECRET="s" * 32)
    actor = RoomProcess("a", settings) if which == "actor" else StewardActor(settings)
    try:
        await actor.start(*(["127.0.0.1", {}] if which == "actor" else []))
    except Exception as error:
        print(type(error).__name__, flush=True)
    await asyncio.sleep(60)  # as Ray would keep it

asyncio.run(main())
"""
NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


async def test_an_actor_whose_commit_hangs_beats_no_more(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_process, "BEAT_S", 0.02)
    monkeypatch.setattr(room_process, "STUCK_S", 2.0)

    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
    ):
        room = await open_room(direct)
        epoch = await place(direct, room)
        beats = asyncio.create_task(room_process.beat("a", direct, table.host, await admit(direct, SECRET)))
        await table.does(epoch, "host", chat(room, "one"))
        assert table.host.held_up_s < 0
        proxy.hold("two")
        said = table.deliver(epoch, "host", chat(room, "two"))
        await proxy.held.wait()
        assert not beats.done()
        async with asyncio.timeout(WITHIN_S):
            await beats
        proxy.release()
        await said


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
