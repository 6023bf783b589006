"""Whole views on request, served only when memory was found to be what Postgres has. The database wins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from tavola.actors.host.loaded_room import LoadedRoom, Reply
from tavola.actors.host.rooms import Rooms
from tavola.actors.room.outside_view import seen
from tavola.actors.wire import update as codec
from tavola.actors.wire.messages import Answer, GetView, Request
from tavola.actors.wire.mistakes import GAME_ERROR, Mistakes
from tavola.storage.postgres import Database, StorageUnavailable

log = structlog.get_logger()

VERIFY_TIMEOUT_S = 1.0


class ViewReader:
    """Gathers the views that are asked for and verifies them together: one query for however many."""

    def __init__(self, rooms: Rooms, database: Database, mistakes: Mistakes) -> None:
        self._rooms = rooms
        self._mistakes = mistakes
        self._database = database
        self._asked: list[tuple[LoadedRoom, GetView, Reply]] = []
        self._ready = asyncio.Event()

    def __len__(self) -> int:
        return len(self._asked)

    def add(self, slot: LoadedRoom, look: GetView, reply: Reply) -> None:
        self._asked.append((slot, look, reply))
        self._ready.set()

    async def run(self, handle: Callable[[Request, Reply], None]) -> None:
        """Serve views until cancelled. One that does not fit the database is handled again, on a room loaded afresh."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            asked, self._asked = self._asked, []
            known = {slot: slot.seq for slot, _, _ in asked}
            try:
                rooms = list({slot.id for slot, _, _ in asked})
                rows = await self._database.rows("positions", rooms, within_s=VERIFY_TIMEOUT_S)
            except StorageUnavailable as error:
                log.warning("look.unverified", reason=str(error))
                for slot, look, reply in asked:
                    reply(self._seen(slot, look, stale=True))
                continue
            stored = {row["room_id"]: row for row in rows}
            for slot, look, reply in asked:
                row = stored.get(slot.id)
                if row is not None and row["epoch"] == slot.epoch and known[slot] <= row["seq"] <= slot.seq:
                    reply(self._seen(slot, look, stale=False))
                elif slot.waiting and row is not None and row["epoch"] == slot.epoch:
                    self.add(slot, look, reply)
                else:
                    log.info("look.outdated", room=slot.id, epoch=slot.epoch, seq=slot.seq)
                    self._rooms.drop(slot)
                    handle(look, reply)

    def _seen(self, slot: LoadedRoom, look: GetView, *, stale: bool) -> Answer:
        try:
            return _seen(slot, look, stale=stale)
        except Exception as error:  # A game's mistake must not take the other rooms with it.
            self._mistakes.tell(error, "show", slot.room.info.game, room=slot.id, seq=slot.seq)
            return GAME_ERROR


def _seen(slot: LoadedRoom, look: GetView, *, stale: bool) -> Answer:
    recent = [codec.decode(message) for message in slot.recent]
    return seen(slot.room, slot.seq, slot.told, recent, look, stale=stale)
