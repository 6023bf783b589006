"""Room → line: where a request goes, and what is done when the actor there does not answer.

The usual case costs one look-up and one write. Everything else (a room to be found, a line to be opened, an actor to be
replaced) is done once for however many requests wait for it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol, TypeVar, cast

import structlog

from tavola.actors.cluster.ceiling import Full
from tavola.actors.cluster.directory import (
    ClusterUnavailable,
    Directory,
    NoSuchRoom,
    Place,
    RoomRemoved,
    RoomUnreadable,
)
from tavola.actors.wire.commands import Epoch, RoomId
from tavola.actors.wire.line import Line, LineFull, LineLost
from tavola.actors.wire.messages import Answer, Committed, Moved, Request, RoomsAt, Told, UpdateTold
from tavola.actors.wire.refusals import ASLEEP, FULL, GAME_OVER, NO_ROOM, NO_SERVER, OVERLOADED, away
from tavola.config.keys import Secrets
from tavola.storage.postgres import StorageUnavailable

log = structlog.get_logger()

T = TypeVar("T")

ANSWER_WITHIN_S = 10.0
"""How long a request may look for an actor that answers it, before it is refused."""
WAITING_LIMIT = 20_000
"""Requests that may wait at once for rooms to be found; one more is refused `overloaded`."""
PLACES_LIMIT = 100_000
"""Rooms whose place is kept; when there are more, all are looked up again."""
TAKE_OVERS_AT_ONCE = 16
ROUSE_S = 0.1
"""Over how long the rooms of a lost actor are roused."""


class PresenceOfEdge(Protocol):
    """The users who are connected to this edge."""

    edge: str
    """The edge's id."""

    def renew(self, room: RoomId) -> None:
        """Announce those who follow the room to whoever owns it, if there are any: so its play goes on, clocks and
        all."""


class _Asleep(Exception):
    """The room has no actor that lives, and shall not be roused."""


class Router:
    """Sends requests to whichever actor owns the room. A request may reach two actors; its command id makes it one."""

    def __init__(self, directory: Directory, secrets: Secrets, silent_s: float, present: PresenceOfEdge) -> None:
        """An actor that is silent for `silent_s` is replaced."""
        self._present = present
        self.directory = directory
        self._secrets = secrets
        self._silent_s = silent_s
        self._places: dict[RoomId, Place] = {}
        self._lines: dict[str, Line] = {}
        self._single: dict[tuple[str, str], asyncio.Task[object]] = {}
        self._searches: set[asyncio.Task[None]] = set()
        self._take_overs = asyncio.Semaphore(TAKE_OVERS_AT_ONCE)
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self.told: Callable[[RoomsAt], None] = lambda _: None
        """Called with what actors say of where their rooms stand."""
        self.heard: Callable[[RoomId, bytes], None] = lambda _, __: None
        """Called with the updates, encoded, that actors tell of."""

    @property
    def waiting(self) -> dict[str, int]:
        """Requests, by what they wait for: an answer of their room's actor, or that it is found."""
        return {
            "answer": sum(line.owed for line in self._lines.values()),
            "search": len(self._searches),
        }

    def reaches(self, room: RoomId) -> bool:
        """Whether there is an open line to where the room is believed to be."""
        place = self._places.get(room)
        line = self._lines.get(place.actor) if place is not None else None
        return line is not None and line.open

    def told_of(self, room: RoomId) -> bool:
        """Whether the actor to which the room is believed to belong would say, by itself, where it stands."""
        place = self._places.get(room)
        line = self._lines.get(place.actor) if place is not None else None
        return line is not None and line.tells and line.open

    def send(
        self,
        room: RoomId,
        request: Callable[[Epoch], Request],
        answered: Callable[[Answer], None],
        *,
        rouse: bool = True,
    ) -> None:
        """Have `request` (made for the epoch at which the room is) answered; `answered` is called once. Without `rouse`
        the room is given no actor for it: one that has none that lives is answered for by `ASLEEP` itself."""
        if not self.send_at_once(room, request, answered, rouse=rouse):
            self._search(room, request, answered, rouse)

    def send_at_once(
        self,
        room: RoomId,
        request: Callable[[Epoch], Request],
        answered: Callable[[Answer], None],
        *,
        rouse: bool = True,
    ) -> bool:
        """As `send`, if the room is reached (`reaches`). If not, nothing is done, and this says so."""
        place = self._places.get(room)
        line = self._lines.get(place.actor) if place is not None else None
        if place is None or line is None or not line.open:
            return False
        try:
            line.put(request(place.epoch), partial(self._answered, room, place, request, answered, rouse))
        except LineFull:
            answered(OVERLOADED)
        return True

    async def ask(self, room: RoomId, request: Callable[[Epoch], Request], *, rouse: bool = True) -> Answer:
        """As `send`, awaited."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.send(room, request, lambda got: None if answer.done() else answer.set_result(got), rouse=rouse)
        return await answer

    def moved(self, room: RoomId, epoch: Epoch) -> None:
        """The room's epoch was seen to be this. It may be lower than what is known here: a database can go back."""
        if (place := self._places.get(room)) is not None and place.epoch != epoch:
            del self._places[room]

    async def line_to(self, actor: str, address: str) -> Line:
        """An open line to that actor. Raises `LineLost`."""
        line = self._lines.get(actor)
        if line is not None and line.open:
            return line
        return await self._once(("open", actor), lambda: self._open(actor, address))

    def close(self) -> None:
        """Cut every line, those too that are being opened; whoever waits for one is told nothing any more."""
        self._closed = True
        for task in (*self._searches, *self._single.values()):
            task.cancel()
        for line in self._lines.values():
            line.cut("the edge stops")

    def _answered(
        self,
        room: RoomId,
        place: Place,
        request: Callable[[Epoch], Request],
        answered: Callable[[Answer], None],
        rouse: bool,
        answer: Answer | LineLost,
    ) -> None:
        if type(answer) is Committed or not isinstance(answer, Moved | LineLost):
            answered(answer)
            return
        if isinstance(answer, Moved) and self._places.get(room) is place:
            del self._places[room]
        self._search(room, request, answered, rouse)

    def _search(
        self, room: RoomId, request: Callable[[Epoch], Request], answered: Callable[[Answer], None], rouse: bool
    ) -> None:
        if len(self._searches) >= WAITING_LIMIT:
            answered(OVERLOADED)
            return
        task = asyncio.get_running_loop().create_task(self._find_and_ask(room, request, answered, rouse))
        self._searches.add(task)
        task.add_done_callback(self._searches.discard)

    async def _find_and_ask(
        self, room: RoomId, request: Callable[[Epoch], Request], answered: Callable[[Answer], None], rouse: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + ANSWER_WITHIN_S
        answer: Answer = NO_SERVER
        tries = 0
        while loop.time() < give_up_at:
            tries += 1
            try:
                async with asyncio.timeout_at(give_up_at):
                    line, place = await self._reach(room, rouse)
                    got = await line.ask(request(place.epoch))
            except RoomRemoved:
                answer = GAME_OVER
                break
            except NoSuchRoom:
                answer = NO_ROOM
                break
            except RoomUnreadable as error:
                answer = error.refusal
                break
            except _Asleep:
                answer = ASLEEP
                break
            except Full:
                answer = FULL
                break
            except StorageUnavailable as error:
                log.warning("room.not_found_yet", room=room, reason=str(error))
                answer = away(full=error.full)
            except (LineLost, LineFull, ClusterUnavailable, TimeoutError) as error:
                log.info("room.not_reached_yet", room=room, reason=str(error))
                answer = NO_SERVER
            else:
                if not isinstance(got, Moved):
                    answer = got
                    break
                if self._places.get(room) is place:
                    del self._places[room]
            if tries > 1:
                await asyncio.sleep(random.uniform(0.01, 0.05) * min(tries, 10))
        answered(answer)

    async def _reach(self, room: RoomId, rouse: bool) -> tuple[Line, Place]:
        """An open line to the room's actor; the room is placed, or taken over, if need be. Raises `_Asleep` instead of
        either if it shall not be roused."""
        place = self._places.get(room)
        if place is None:
            if rouse:
                place = await self._once(("find", room), lambda: self.directory.find(room))
            else:
                place = await self._once(("locate", room), lambda: self._located(room))
            if len(self._places) >= PLACES_LIMIT:
                self._places.clear()
            self._places[room] = place
        line = self._lines.get(place.actor)
        if line is not None and line.open:
            return line, place
        frozen = line is not None and line.went_silent
        if not frozen:
            try:
                known = place
                return await self.line_to(known.actor, known.address), known
            except LineLost as error:
                log.info("line.not_opened", actor=place.actor, reason=error.reason)
        if not rouse:
            raise _Asleep
        lost = place
        found = await self._once(("take over", room), lambda: self._take_over(lost))
        self._places[room] = found
        return await self.line_to(found.actor, found.address), found

    async def _located(self, room: RoomId) -> Place:
        found = await self.directory.locate(room)
        if not isinstance(found, Place):
            raise _Asleep
        return found

    async def _take_over(self, lost: Place) -> Place:
        async with self._take_overs:
            return await self.directory.take_over(lost)

    async def _open(self, actor: str, address: str) -> Line:
        line = self._lines.get(actor)
        if line is None or not line.open:
            told = partial(self._hear, actor)
            line = await Line.connect(actor, address, self._secrets, self._silent_s, self._present.edge, told)
            self._lines[actor] = line
            line.lost.add_done_callback(lambda _: self._rouse(actor))
        return line

    def _hear(self, actor: str, said: Told) -> None:
        if isinstance(said, UpdateTold):
            self.heard(said.room, said.update)
        else:
            self._hear_where(actor, said)

    def _hear_where(self, actor: str, rooms: RoomsAt) -> None:
        gone = {each.room: each for each in rooms.gone}
        for room in rooms.let_go:
            if (place := self._places.get(room)) is not None and place.actor == actor:
                del self._places[room]
                if (now := gone.get(room)) is not None:
                    self._places[room] = Place(room, now.epoch, now.actor, now.address)
                    self._present.renew(room)
        self.told(rooms)

    def _rouse(self, lost: str) -> None:
        """An actor is lost: the rooms there that somebody watches go on without waiting for a move."""
        if self._closed:
            return
        for room, place in self._places.items():
            if place.actor == lost:
                self._loop.call_later(random.uniform(0.0, ROUSE_S), self._present.renew, room)

    async def _once(self, key: tuple[str, str], work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of `work`, shared by all who ask for the same thing meanwhile."""
        task = self._single.get(key)
        if task is None:
            task = self._single[key] = asyncio.get_running_loop().create_task(work())
            task.add_done_callback(lambda _: self._single.pop(key, None))
        return cast(T, await asyncio.shield(task))
