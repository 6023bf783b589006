"""Sends players to free seats: all who ask for the same game and options come to one table, until it is full."""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakValueDictionary

from tavola.actors.wire.commands import RoomId
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import ID_REUSED
from tavola.actors.wire.settings import RoomWish
from tavola.actors.wire.view import RoomSummary
from tavola.config.clock import now_ms
from tavola.edge.identity.auth import Identity
from tavola.edge.rest.lobby import Lobby, NewRoom
from tavola.storage.postgres import Database

PROMISED_MS = 30_000
"""How long a seat is kept for whoever was sent to it."""


class Matchmaker:
    def __init__(self, database: Database, lobby: Lobby) -> None:
        self._database = database
        self._lobby = lobby
        self._queues: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """Callers of this edge wait for each other here, and only one at a time holds a connection."""

    async def match(self, game: str, options: dict[str, Any], who: Identity, key: str | None) -> RoomSummary | Refusal:
        """A public room with a seat that is promised to `who` for a while: one that there is, or a new one.

        Asked again, with the same `key` or while the promise holds, it is the same room; for another game, a `key` that
        was used is refused.
        """
        wish = RoomWish(game, options=options, approval="auto")
        new = await self._lobby.drawn(wish, who)
        if isinstance(new, Refusal):
            return new
        table = f"{new.rows.game} {new.rows.options}"
        lock = self._queues.setdefault(table, asyncio.Lock())
        async with lock:
            room = await self._promise(table, new, who, key)
        if isinstance(room, Refusal):
            return room
        summary = await self._lobby.summary(room)
        assert summary is not None
        return summary if summary.game == game else ID_REUSED

    async def _promise(self, table: str, new: NewRoom, who: Identity, key: str | None) -> RoomId | Refusal:
        now = now_ms()
        seat = {"user_id": who.user, "at": now, "game": new.rows.game, "options": new.rows.options}
        async with self._database.transaction() as rows:
            await rows("match_lock", table=table)
            found = await rows("match_again", key=key, **seat) or await rows("match_room", **seat)
            if found:
                room = RoomId(found[0]["room_id"])
            else:
                made = await self._lobby.create(new, None, rows)
                if isinstance(made, Refusal):
                    return made
                room = new.room
            await rows("match_kept", room_id=room, user_id=who.user, until=now + PROMISED_MS, key=key)
        return room
