"""Rooms of one host, in which people talk: updates for whoever reads of all rooms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from kit.hosts import Table, connected, hosting, open_room, place
from tavola.actors.wire.commands import Chat, Epoch, RoomId
from tavola.storage.postgres import Database


class TalkingRooms:
    """Each room's last seq is in `said`."""

    def __init__(self, database: Database, table: Table) -> None:
        self.database, self.table = database, table
        self.epochs: dict[RoomId, Epoch] = {}
        self.said: dict[str, int] = {}
        self._ids = 0

    async def opens(self, game: str = "tictactoe") -> RoomId:
        room = await open_room(self.database, game)
        self.epochs[room] = await place(self.database, room)
        await self.talk(room)
        return room

    async def does(self, room: RoomId, kind: Any, user: str = "host", **fields: Any) -> int:
        self._ids += 1
        done = await self.table.does(self.epochs[room], user, kind(id=f"c{self._ids}", room=room, **fields))
        self.said[room] = done.seq
        return done.seq

    async def talk(self, room: RoomId, times: int = 1) -> None:
        for _ in range(times):
            await self.does(room, Chat, text="Hello.")


@asynccontextmanager
async def rooms(database_url: str) -> AsyncIterator[TalkingRooms]:
    async with connected(database_url, most=8) as database, hosting(database, "a") as table:
        yield TalkingRooms(database, table)
