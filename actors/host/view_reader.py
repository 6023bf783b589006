"""Whole views on request, served only when memory was found to be what Postgres has. The database wins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from tavola.actors.host.loaded_room import LoadedRoom, Reply
from tavola.actors.host.rooms import Rooms
from tavola.actors.outside.outside_view import seen
from tavola.actors.wire import update as codec
from tavola.actors.wire.messages import Answer, GetView, Request
from tavola.actors.wire.mistakes import Mistakes
from tavola.actors.wire.refusals import GAME_ERROR
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

    def add(self, loaded: LoadedRoom, request: GetView, reply: Reply) -> None:
        self._asked.append((loaded, request, reply))
        self._ready.set()

    async def run(self, handle: Callable[[Request, Reply], None]) -> None:
        """Serve views until cancelled. One that does not fit the database is handled again, on a room loaded afresh."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            asked, self._asked = self._asked, []
            known = {loaded: loaded.seq for loaded, _, _ in asked}
            try:
                rooms = list({loaded.id for loaded, _, _ in asked})
                rows = await self._database.rows("positions", rooms=rooms, within_s=VERIFY_TIMEOUT_S)
            except StorageUnavailable as error:
                log.warning("look.unverified", reason=str(error))
                for loaded, request, reply in asked:
                    reply(self._seen(loaded, request, stale=True))
                continue
            stored = {row["room_id"]: row for row in rows}
            for loaded, request, reply in asked:
                row = stored.get(loaded.id)
                if row is not None and row["epoch"] == loaded.epoch and known[loaded] <= row["seq"] <= loaded.seq:
                    reply(self._seen(loaded, request, stale=False))
                elif loaded.waiting and row is not None and row["epoch"] == loaded.epoch:
                    self.add(loaded, request, reply)
                else:
                    log.info("look.outdated", room=loaded.id, epoch=loaded.epoch, seq=loaded.seq)
                    self._rooms.drop(loaded)
                    handle(request, reply)

    def _seen(self, loaded: LoadedRoom, request: GetView, *, stale: bool) -> Answer:
        try:
            return _seen(loaded, request, stale=stale)
        except Exception as error:  # A game's mistake must not take the other rooms with it.
            self._mistakes.tell(error, "show", loaded.room.info.game, room=loaded.id, seq=loaded.seq)
            return GAME_ERROR


def _seen(loaded: LoadedRoom, request: GetView, *, stale: bool) -> Answer:
    recent = [codec.decode(message) for message in loaded.recent]
    return seen(loaded.room, loaded.seq, loaded.seq_epoch, recent, request, stale=stale)
