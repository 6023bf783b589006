"""A room actor or a steward that cannot be started is no process for long: nobody knows it, so nobody would ever end
it. Nor is one whose work does not go on."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys

import pytest

from kit.hosts import SEALER, SECRET, WITHIN_S, chat, connected, hosting, open_room, place
from kit.proxy import proxied
from tavola.actors.cluster import room_process
from tavola.config.keys import Secrets
from tavola.storage.fingerprint import admit, admitted_at
from tavola.storage.redis import RedisPublisher

NO_REDIS = RedisPublisher("redis://127.0.0.1:1", SEALER)
SCRIPT = """
import sys, time
from tavola.actors.cluster import service
from tavola.actors.cluster.room_process import RoomProcess
from tavola.actors.cluster.steward_process import StewardProcess
from tavola.config.settings import Settings

which, url = sys.argv[1:]
settings = Settings(DATABASE_URL=url, TAVOLA_JWT_SECRET="s" * 32)
if which == "uncalled":
    service.CALLED_WITHIN_S = 1
    service.await_call()
    time.sleep(60)
process = RoomProcess("a", settings, "127.0.0.1", None) if which == "actor" else StewardProcess(settings)
try:
    service.live(process.serve())
except Exception as error:
    print(type(error).__name__, flush=True)
time.sleep(60)  # as Ray would keep it
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
        beats = asyncio.create_task(room_process.beat("a", direct, table.host, NO_REDIS, await admit(direct, SECRET)))
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
    return ended.returncode, "".join(ended.stdout.splitlines()[-1:])


@pytest.mark.parametrize("which", ["actor", "steward"])
def test_who_cannot_be_started_says_why_and_ends(which: str) -> None:
    assert started(which, NOWHERE) == (1, "StorageUnavailable")


@pytest.mark.parametrize("which", ["actor", "steward"])
def test_who_has_another_secret_than_the_database_says_so_and_ends(which: str, database_url: str) -> None:
    asyncio.run(admitted_at(database_url, Secrets(b"o" * 32)))
    assert started(which, database_url) == (1, "SettingsError")


def test_who_is_made_and_never_called_ends() -> None:
    """Its maker has died in between, and nobody knows of it."""
    assert started("uncalled", NOWHERE) == (-signal.SIGALRM, "")
