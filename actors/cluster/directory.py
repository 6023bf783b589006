"""Room → live actor: locate, place, take over. The rows are the directory; races are settled by the epoch."""

from __future__ import annotations

import asyncio
import random
from typing import NamedTuple, Protocol

import msgspec
import structlog

from tavola.actors.log.unreadable import Corrupted, Newer
from tavola.actors.wire.commands import Epoch, RoomId
from tavola.actors.wire.messages import Refusal
from tavola.config.batched import Batched
from tavola.storage.postgres import Database
from tavola.storage.rows import Row

log = structlog.get_logger()

PLACE_WITHIN_S = 20.0


class Place(msgspec.Struct, frozen=True):
    """Where a room is: at `address`, in `actor`, at `epoch`."""

    room: RoomId
    epoch: Epoch
    actor: str
    address: str


class Helper(msgspec.Struct, frozen=True):
    """An actor, and where it listens."""

    actor: str
    address: str


class _Wish(NamedTuple):
    """To have a room, last seen at `epoch`, placed with another actor than `avoid`."""

    room: RoomId
    epoch: Epoch
    avoid: str | None


class NoSuchRoom(Exception):
    """There is no room of that id."""


class RoomRemoved(NoSuchRoom):
    """There was one, and it was removed."""


class RoomUnreadable(Exception):
    """The room could not be read lately: nobody is given it before a while has passed. `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class ClusterUnavailable(Exception):
    """No actor could be had in time. Rooms that run are none the worse for it."""


class Starter(Protocol):
    async def start_actor(self, avoid: str | None = None) -> None:
        """Have a room actor started; on return one more than before, or one other than `avoid`, can be given rooms.
        Raises `ClusterUnavailable`."""


class Directory:
    """Finds and places rooms. Two who place the same room at once end with the same place."""

    def __init__(self, database: Database, starter: Starter) -> None:
        self._database = database
        self._starter = starter
        self._located = Batched(self._locate)
        self._placed = Batched(self._place)

    async def locate(self, room: RoomId) -> Place | Epoch:
        """Where the room is, or only its epoch when no actor owns it. Raises `NoSuchRoom` (if there was one,
        `RoomRemoved`), `RoomUnreadable`, `StorageUnavailable`."""
        row = await self._located(room)
        if row is None:
            removed = await self._database.row("removed", room_id=room)
            raise NoSuchRoom(room) if removed is None else RoomRemoved(room)
        if row["name"] is None and row["unread_code"] is not None:
            why = Newer if row["unread_code"] == Newer.code else Corrupted
            raise RoomUnreadable(why(room, row["unread_seq"], row["unread_found"]).refusal())
        epoch = Epoch(row["epoch"])
        return epoch if row["name"] is None else Place(room, epoch, row["name"], row["address"])

    async def find(self, room: RoomId) -> Place:
        """Where the room is; placed if it has no actor. Raises also `ClusterUnavailable`."""
        found = await self.locate(room)
        return found if isinstance(found, Place) else await self.place(room, found, None)

    async def take_over(self, lost: Place) -> Place:
        """Place the room away from an actor that does not answer, unless somebody has done so already. Raises as
        `place`."""
        log.info("room.take_over", room=lost.room, epoch=lost.epoch, away_from=lost.actor)
        await self._database.rows("suspect_actor", name=lost.actor)
        return await self.place(lost.room, lost.epoch, lost.actor)

    async def have_room(self, avoid: str) -> None:
        """On return another actor than `avoid` can be given a room. Raises `ClusterUnavailable`, and `Full`."""
        free = await self._database.row("has_room", avoid=avoid)
        if free is None or not free[0]:
            await self._starter.start_actor(avoid)

    async def helpers(self, code: str, most: int) -> list[Helper]:
        """Up to `most` living actors for work that any of them does: those that run `code`, and have least to do,
        first. Raises `StorageUnavailable`."""
        return [
            Helper(row["name"], row["address"]) for row in await self._database.rows("helpers", code=code, most=most)
        ]

    async def have_helper(self) -> None:
        """On return there is one more actor. Raises `ClusterUnavailable`, and `Full`."""
        await self._starter.start_actor()

    async def place(self, room: RoomId, epoch: Epoch, avoid: str | None) -> Place:
        """Give the room, last seen at `epoch`, to an actor other than `avoid`. Returns where it is now, if another
        caller was faster. Raises as `locate`, and `ClusterUnavailable` after `PLACE_WITHIN_S`."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + PLACE_WITHIN_S
        tries = 0
        while loop.time() < give_up_at:
            tries += 1
            row = await self._placed(_Wish(room, epoch, avoid))
            if row is not None:
                log.info("room.placed", room=room, epoch=row["epoch"], actor=row["name"])
                return Place(room, Epoch(row["epoch"]), row["name"], row["address"])
            found = await self.locate(room)
            if isinstance(found, Place):
                if found.epoch != epoch:
                    return found
            else:
                epoch = found
            free = await self._database.row("has_room", avoid=avoid)
            if free is not None and free[0]:
                # Another placement filled the actor that was chosen, or somebody is just writing the room.
                await asyncio.sleep(random.uniform(0.001, 0.01) * min(tries, 20))
            else:
                await self._starter.start_actor(avoid)
        raise ClusterUnavailable(f"no actor for {room} in {PLACE_WITHIN_S:.0f} s")

    async def _locate(self, rooms: list[RoomId]) -> list[Row | None]:
        found = {row["room_id"]: row for row in await self._database.rows("locate", rooms=rooms)}
        return [found.get(room) for room in rooms]

    async def _place(self, wishes: list[_Wish]) -> list[Row | None]:
        """The rows of `place`, of those that it placed."""
        placed: dict[_Wish, Row] = {}
        for avoid in {wish.avoid for wish in wishes}:
            asked = {wish.room: wish for wish in wishes if wish.avoid == avoid}
            rooms, epochs = list(asked), [wish.epoch for wish in asked.values()]
            for row in await self._database.rows("place", rooms=rooms, epochs=epochs, avoid=avoid):
                placed[asked[row["room_id"]]] = row
        return [placed.get(wish) for wish in wishes]
