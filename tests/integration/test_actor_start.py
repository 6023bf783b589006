"""A room actor that cannot be started is no process for long: nobody knows it, so nobody would ever end it. Nor is one
whose work does not go on."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from kit.hosts import WITHIN_S, chat, connected, hosting, open_room, place, run
from kit.proxy import proxied

from actors import remote

SCRIPT = """
import asyncio
from actors.remote import RoomActor
from storage.postgres import StorageUnavailable
from tavola.settings import Settings

async def main():
    nowhere = Settings(DATABASE_URL="postgresql://nobody@127.0.0.1:1/none", TAVOLA_JWT_SECRET="s" * 32)
    actor = RoomActor("a", nowhere)
    try:
        await actor.start()
    except StorageUnavailable:
        print("was told why", flush=True)
    await asyncio.sleep(60)  # as Ray would keep it

asyncio.run(main())
"""


def test_an_actor_that_cannot_be_started_says_why_and_ends() -> None:
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=50, check=False)
    assert (ended.returncode, ended.stdout) == (1, "was told why\n"), ended.stderr


def test_an_actor_whose_commit_hangs_beats_no_more(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "BEAT_S", 0.02)
    monkeypatch.setattr(remote, "STUCK_S", 2.0)

    async def main() -> None:
        async with (
            connected(database_url) as direct,
            proxied(database_url) as proxy,
            connected(proxy.url) as database,
            hosting(database, "a") as table,
        ):
            room = await open_room(direct)
            epoch = await place(direct, room)
            beats = asyncio.create_task(remote.beat("a", direct, table.host))
            await table.does(epoch, "host", chat(room, "one"))
            assert table.host.held_up_s < 0
            proxy.lose("hold", "two")
            said = table.deliver(epoch, "host", chat(room, "two"))
            await proxy.held.wait()
            assert not beats.done()
            async with asyncio.timeout(WITHIN_S):
                await beats
            proxy.release()
            await said

    run(main())
