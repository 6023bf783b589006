"""Rooms that were played in, and closed; and a process that does a round of what retention and removal do."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from kit.hosts import Table, connected, open_room, place
from tavola.actors.upkeep.archivist import Archivist
from tavola.actors.upkeep.erasure import Erasure
from tavola.actors.upkeep.removal import Removal
from tavola.actors.upkeep.retention import Retention
from tavola.actors.wire.commands import (
    Act,
    Chat,
    CloseRoom,
    Epoch,
    RequestJoin,
    RoomId,
    Spectate,
    Start,
    TakeSeat,
)
from tavola.config import crash
from tavola.config.settings import Settings
from tavola.storage.archive_store import store_at
from tavola.storage.postgres import Database


async def played(database: Database, table: Table) -> tuple[RoomId, Epoch]:
    """A room in which a game was played, with members of every kind; its host has left their seat."""
    room = await open_room(database)
    epoch = await place(database, room)
    for user, seat in (("host", 0), ("ann", 1)):
        await table.does(epoch, user, RequestJoin(id="join", room=room, display_name=user))
        await table.does(epoch, user, TakeSeat(id="sit", room=room, seat_index=seat))
    await table.does(epoch, "sue", RequestJoin(id="join", room=room, display_name="sue"))
    await table.does(epoch, "sue", Spectate(id="watch", room=room))
    await table.does(epoch, "host", Start(id="start", room=room))
    view = await table.view(epoch, "host", room)
    for number, cell in enumerate((0, 3, 1, 4, 2)):
        turn = (await table.view(epoch, "host", room))["turn"]
        user = {0: "host", 1: "ann"}[turn["seat_index"]]
        move = Act(id=f"m{number}", room=room, move="mark", turn=turn["number"], arguments={"cell": cell})
        await table.does(epoch, user, move)
    for number in range(40):
        await table.does(epoch, "host", Chat(id=f"chat {number}", room=room, text=f"this is number {number}"))
    assert view["room"]["status"] == "playing"
    return room, epoch


async def closed(database: Database, table: Table) -> RoomId:
    room, epoch = await played(database, table)
    await table.does(epoch, "host", CloseRoom(id="close", room=room))
    return room


async def keep_round(url: str, now: int, folder: str | None, settings: Settings) -> None:
    """A round of the steward's, as one that dies at the points armed in `folder`."""
    async with connected(url) as database:
        points = crash.points(folder, lambda: None)
        archivist = None
        store = store_at(settings.archive) if settings.archive else None
        if store is not None:
            archivist = Archivist(
                database, store, lambda: now, points, logs=settings.archive_logs, said=not settings.keep_chat_days
            )
        await Retention(settings, database, lambda: now, archivist).round()
        await Removal(database, lambda: now, archived=archivist is not None).work()
        await Erasure(database, settings.redis_url, store, lambda: now, points).work()


def kept_elsewhere(url: str, now: int, folder: Path, **settings: Any) -> int:
    """`keep_round` in a process of its own, which may be killed; gives its exit code."""
    given = {str(name): str(value) for name, value in settings.items()}
    text = json.dumps([url, now, str(folder)])
    environment = {**os.environ, **given, "PYTHONPATH": str(Path(__file__).parent.parent)}
    return subprocess.run([sys.executable, "-m", "kit.lives", text], env=environment, check=False).returncode


if __name__ == "__main__":
    given_url, given_now, given_folder = json.loads(sys.argv[1])
    asyncio.run(keep_round(given_url, given_now, given_folder, Settings()))
