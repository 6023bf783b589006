"""A room goes to another actor between two moves: its last commit ends, the directory names the other one at a higher
epoch, and edges are told at once. Requests that come meanwhile wait, and are sent after it; a few milliseconds.

Should it not be known whether the directory was written, the room is forgotten here: whoever asks looks it up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from tavola.actors.host.loaded_room import LoadedRoom, Reply
from tavola.actors.host.rooms import Rooms
from tavola.actors.wire.commands import Epoch
from tavola.actors.wire.messages import Answer, HandedOver, HandOver, Moved, Refusal, Request, RoomGone
from tavola.actors.wire.refusals import CROWDED, FULL, STORAGE_AWAY
from tavola.storage.postgres import Database, StorageUnavailable

log = structlog.get_logger()

WITHIN_S = 1.0
"""A commit that takes longer keeps its room: who waits for a move waits no longer for the hand-over."""
QUIET_S = 1.0
"""A room in which nobody has done anything for so long is quiet."""
IN_PLAY = Refusal("hand_in_progress", "The room is played in just now.")
"""The answer of an actor that was to hand a quiet room over, where it is not."""
HELD_LIMIT = 500
"""Requests of one room that wait; one more is refused `overloaded`."""


class HandingOver:
    """`handle` takes the requests of a room that stays after all."""

    def __init__(self, actor: str, rooms: Rooms, database: Database, handle: Callable[[Request, Reply], None]) -> None:
        self._actor = actor
        self._rooms = rooms
        self._database = database
        self._handle = handle
        self._tasks: set[asyncio.Task[None]] = set()
        self._committed = asyncio.Event()

    def committed(self) -> None:
        """A commit has ended: a room may have none any more."""
        if self._tasks:
            self._committed.set()

    def hold(self, loaded: LoadedRoom, request: Request, reply: Reply) -> None:
        """The room is on its way: the request waits."""
        assert loaded.held is not None
        if len(loaded.held) >= HELD_LIMIT:
            reply(CROWDED)
        else:
            loaded.held.append((request, reply))

    def begin(self, loaded: LoadedRoom, request: HandOver, reply: Reply) -> None:
        """`reply` is called with the new place; with `Moved` if the room is not this actor's any more, or may not be;
        with a refusal if it stays."""
        loaded.held = []
        task = asyncio.get_running_loop().create_task(self._hand_over(loaded, request, reply))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hand_over(self, loaded: LoadedRoom, request: HandOver, reply: Reply) -> None:
        answer: Answer = Moved()
        try:
            answer = await self._outcome(loaded, request)
        except Exception:  # Those that wait are answered all the same.
            log.exception("room.hand_over_failed", room=loaded.id)
            self._rooms.drop(loaded)
        held, loaded.held = loaded.held or [], None
        if isinstance(answer, HandedOver):
            self._rooms.gone(loaded, RoomGone(loaded.id, answer.epoch, answer.actor, answer.address))
            log.info("room.handed_over", room=loaded.id, seq=loaded.seq, actor=answer.actor, held=len(held))
        for waiting, its_reply in held:
            if self._rooms.holds(loaded):
                self._handle(waiting, its_reply)
            else:
                its_reply(Moved())
        reply(answer)

    async def _outcome(self, loaded: LoadedRoom, request: HandOver) -> Answer:
        try:
            async with asyncio.timeout(WITHIN_S):
                while loaded.waiting and self._rooms.holds(loaded):
                    self._committed.clear()
                    await self._committed.wait()
        except TimeoutError:
            return STORAGE_AWAY
        if not self._rooms.holds(loaded):
            return Moved()
        given: dict[str, Any] = {
            "room_id": loaded.id,
            "epoch": loaded.epoch,
            "actor": self._actor,
            "to": request.to or None,
        }
        try:
            row = await self._database.row("hand_over", **given)
        except StorageUnavailable as error:
            log.warning("room.hand_over_unknown", room=loaded.id, reason=str(error))
            self._rooms.drop(loaded)
            return Moved()
        if row is None:
            return FULL if self._rooms.holds(loaded) else Moved()
        return HandedOver(Epoch(row["epoch"]), row["name"], row["address"])
