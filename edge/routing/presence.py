"""Presence: the users connected to this edge are told to the rooms' actors at once, to Postgres now and then.

Actors are told what changed, by room: whose first socket in it has come, whose last has gone; several tabs are one
user. News that could not be said is said later, as it is then. Everybody is announced again when a room's epoch was
raised (whoever owns it now knows of nobody) and when the line to its actor was cut.

A room that has no actor is given one only to hear of those who have a part in it (`stands`). It hears of the others
when it has an actor again. Which sockets there are is the manager's of connections (`edge.people.manager`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any, TypeVar

import structlog

from tavola.actors.wire.commands import Epoch, RoomId, UserId
from tavola.actors.wire.messages import Answer, Refusal, ReportPresence
from tavola.actors.wire.refusals import ASLEEP, GAME_OVER, NO_ROOM
from tavola.config.clock import now_ms
from tavola.config.limits import REJOIN_MS, SILENT_MS
from tavola.edge.people.manager import ConnectionManager, Identified
from tavola.edge.routing.router import Router
from tavola.storage.postgres import Database, StorageUnavailable

log = structlog.get_logger()

T = TypeVar("T")

BEAT_S = 30.0
BATCH = 200
"""Pairs of a room and a user in one statement."""
PAUSE_S, PAUSES_S = 0.1, 10.0
"""Between two batches, and all of them together: who is there is no news, and play goes first."""
AGAIN_S = 2.0
"""After how long what an actor was not told is tried again."""
LATELY_S = SILENT_MS / 1000
TOUCH_S = 10.0
"""A user's requests within this time are told as one, which counts for that much longer."""
BEATS_MS = 60_000


class EdgePresence:
    """`came` and `went` are called by whoever knows the sockets that follow rooms, `touch` for a request."""

    def __init__(self, database: Database, people: ConnectionManager[Any]) -> None:
        self.people = people
        self.edge = people.edge
        self._database = database
        self._lately: dict[RoomId, dict[UserId, float]] = {}
        """Until when (on the loop's clock) the requests of those without a socket count."""
        self._parts: dict[RoomId, set[UserId]] = {}
        """Of these, who has a part in the room: sits, watches, or is its host."""
        self._epochs: dict[RoomId, Epoch] = {}
        """At which epoch a room's actor was last told."""
        self._moved: dict[RoomId, Epoch] = {}
        """Rooms that were seen to be at another epoch, until whoever owns them now has been told."""
        self._asleep: set[RoomId] = set()
        """Rooms that had no actor to be told."""
        self._changed: dict[RoomId, set[UserId]] = {}
        self._untold: dict[RoomId, set[UserId]] = {}
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._stopped = False

    # News of connections

    def came(self, room: RoomId, user: UserId, socket: Identified) -> None:
        """A socket of the user's follows the room."""
        if self.people.join_game(user, room, socket):
            self._lately.get(room, {}).pop(user, None)
            self._change(room, user)

    def went(self, room: RoomId, user: UserId, socket: Identified, *, elsewhere: bool = False) -> None:
        """One that had come is gone. `elsewhere`: it was sent to another edge, and its user is not missed meanwhile."""
        if not self.people.leave_game(user, room, socket):
            return
        if not self.people.followers(room):
            self._epochs.pop(room, None)
            self._moved.pop(room, None)
            self._asleep.discard(room)
        if not elsewhere:
            self._change(room, user)

    def touch(self, room: RoomId, user: UserId) -> None:
        """A member made a request: for a while they count as there, socket or none."""
        lately, now = self._lately.setdefault(room, {}), self._loop.time()
        if user not in self.people.followers(room) and lately.get(user, now) - now < LATELY_S:
            lately[user] = now + LATELY_S + TOUCH_S
            self._parts.setdefault(room, set()).add(user)
            self._change(room, user)

    def stands(self, room: RoomId, user: UserId, has_part: bool) -> None:
        """Whether a user who follows the room, or followed it lately, has a part in it."""
        self.people.stands(user, room, has_part)
        parts = self._parts.setdefault(room, set())
        if has_part and user not in parts:
            parts.add(user)
            if room in self._asleep:
                self._change(room, user)
        elif not has_part:
            parts.discard(user)

    def renew(self, room: RoomId) -> None:
        """The actor that owns the room now has to be told of everybody."""
        for user in (*self.people.followers(room), *self._lately.get(room, ())):
            self._change(room, user)

    def epoch(self, room: RoomId) -> Epoch | None:
        """The epoch at which the room's actor was last told, if it ever was: at another it has to be told again."""
        return self._epochs.get(room)

    def moved(self, room: RoomId, epoch: Epoch) -> None:
        """The room's epoch is this, and not the one at which its actor was told."""
        self._epochs[room] = self._moved[room] = epoch
        self.renew(room)

    def stop(self) -> None:
        """The edge stops: its users come back elsewhere, and nobody is told that they have gone."""
        self._stopped = True

    # News to actors

    async def run(self, router: Router) -> None:
        """Tell, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell(router))
            tasks.create_task(self._tell_again())
            tasks.create_task(self._beat())

    def _change(self, room: RoomId, user: UserId) -> None:
        if not self._stopped:
            self._changed.setdefault(room, set()).add(user)
            self._news.set()

    async def _tell(self, router: Router) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            changed, self._changed = self._changed, {}
            for room, users in changed.items():
                if (epoch := self._moved.pop(room, None)) is not None:
                    router.moved(room, epoch)
                rouse = not users.isdisjoint(self._parts.get(room, ()))
                router.send(room, partial(self._attend, room, users), partial(self._told, room, users), rouse=rouse)

    def _attend(self, room: RoomId, users: set[UserId], epoch: Epoch) -> ReportPresence:
        """The presence of these users now: the request may have waited."""
        people, lately, now = self.people.followers(room), self._lately.get(room, {}), self._loop.time()
        if people:
            self._epochs[room] = epoch
        here = {user for user in users if user in people}
        asked = [(user, int((lately[user] - now) * 1000)) for user in users - here if lately.get(user, now) > now]
        return ReportPresence(epoch, room, self.edge, tuple(here), tuple(users - here), tuple(asked), bool(people))

    def _told(self, room: RoomId, users: set[UserId], answer: Answer) -> None:
        self._asleep.discard(room)
        if answer is ASLEEP:
            self._slept(room, users)
        elif isinstance(answer, Refusal) and answer.code not in (NO_ROOM.code, GAME_OVER.code):
            self._untold.setdefault(room, set()).update(users)

    def _slept(self, room: RoomId, users: set[UserId]) -> None:
        """Nobody could be told of these users. The next actor that owns the room has a higher epoch, and is told
        then."""
        if not self.people.followers(room):
            return
        self._asleep.add(room)
        self._epochs.setdefault(room, Epoch(0))
        for user in users & self._parts.get(room, set()):
            self._change(room, user)

    async def _tell_again(self) -> None:
        while True:
            await asyncio.sleep(AGAIN_S)
            untold, self._untold = self._untold, {}
            for room, users in untold.items():
                for user in users:
                    self._change(room, user)

    # Heartbeats

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S * random.uniform(0.8, 1.0))
            try:
                await self.heartbeat(now_ms())
            except StorageUnavailable as error:
                log.warning("presence.beat_failed", reason=str(error))

    async def heartbeat(self, now: int) -> None:
        """Write that everybody who is connected here is, at `now` (ms). With thousands it takes some seconds."""
        self._forget()
        kept, enough = now + REJOIN_MS + 2 * BEATS_MS, now + REJOIN_MS + BEATS_MS
        async for pairs in _unhurried(list(self._pairs())):
            rooms, users = zip(*pairs, strict=True)
            await self._database.rows(
                "heartbeat", rooms=list(rooms), users=list(users), at=now, good_until=kept, enough_until=enough
            )

    def _forget(self) -> None:
        """Forget requests of long ago, and the parts of who is no longer here."""
        now = self._loop.time()
        for room, lately in list(self._lately.items()):
            for user in [user for user, until in lately.items() if until <= now]:
                del lately[user]
            if not lately:
                del self._lately[room]
        for room, parts in list(self._parts.items()):
            parts &= self.people.followers(room) | self._lately.get(room, {}).keys()
            if not parts:
                del self._parts[room]

    def _pairs(self) -> Iterator[tuple[RoomId, UserId]]:
        yield from self.people.following()
        for room, users in self._lately.items():
            yield from ((room, user) for user in users)


async def _unhurried(all: list[T]) -> AsyncIterator[list[T]]:
    """`BATCH` at a time, with a pause between."""
    pause_s = min(PAUSE_S, PAUSES_S * BATCH / max(1, len(all)))
    for start in range(0, len(all), BATCH):
        if start:
            await asyncio.sleep(pause_s)
        yield all[start : start + BATCH]
