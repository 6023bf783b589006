"""One room that a client follows: its view, its updates, and the commands that wait for an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, Protocol, TypeVar, cast

import msgspec

from .api import RequestRefused
from .follower import Audience, Fault, Follower
from .frames import (
    Ack,
    ErrorReceived,
    Frame,
    Hydrated,
    Json,
    LeanPatch,
    UpdateReceived,
    decode_full,
    decode_lean,
    encode,
)
from .moves_ahead import Events, Foresee, MovesAhead
from .view import FullView, LeanView, View

P = TypeVar("P")
E = TypeVar("E")
Answer = Ack | ErrorReceived
MAX_UNANSWERED = 256
MAX_UNREAD_UPDATES = 1000


class Depth(msgspec.Struct, Generic[P, E], frozen=True):
    """How much of each frame a client takes in: `FULL` or `LEAN`."""

    decode: Callable[[bytes], Frame[P, E]]
    view: Callable[[], View[P]]


FULL: Depth[Json, list[Json]] = Depth(decode=decode_full, view=FullView)
LEAN: Depth[LeanPatch, msgspec.Raw] = Depth(decode=decode_lean, view=LeanView)


class Unanswered(msgspec.Struct):
    """A command on its way, last sent on connection `connection`. `due_at` (`time.perf_counter`, seconds) is when it
    was first sent, or should have been."""

    id: str
    data: bytes
    due_at: float
    answered: Callable[[Answer, Unanswered], None]
    connection: int


class TooSlow(Exception):
    """The reader of `JoinedRoom.updates` fell `MAX_UNREAD_UPDATES` behind. The view is still current."""


class RoomConnection(Protocol):
    """The part of a client that a room needs. `connection` counts the connections so far."""

    connection: int

    def next_id(self) -> str: ...

    def send(self, data: bytes) -> None: ...


class Stream(Generic[P, E]):
    """An audience that keeps the updates for a reader."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[UpdateReceived[P, E]] = asyncio.Queue(MAX_UNREAD_UPDATES)
        self.overrun = False

    def updated(self, update: UpdateReceived[P, E]) -> None:
        try:
            self.queue.put_nowait(update)
        except asyncio.QueueFull:
            self.overrun = True

    def hydrated(self, frame: Hydrated[P], before: int) -> None: ...

    def faulted(self, fault: Fault) -> None: ...


class JoinedRoom(Generic[P, E]):
    """`view` is always the newest; `seq` is its number. Made by `Client.join`."""

    def __init__(
        self,
        connection: RoomConnection,
        room_id: str,
        depth: Depth[P, E],
        audience: Audience[P, E],
        code: str | None = None,
    ) -> None:
        self.id = room_id
        self.code = code
        self.view = depth.view()
        self.follower = Follower(self.view, audience)
        self._audience = audience
        self._ahead: MovesAhead | None = None
        self.unanswered: dict[str, Unanswered] = {}
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.resent = 0
        self._connection = connection

    @property
    def seq(self) -> int:
        return self.follower.seq

    async def command(self, kind: str, **fields: Any) -> Ack:
        """Sends a command and waits for its answer, across reconnections. `kind` and `fields` are those of protocol.md
        section 2, without id and room. Raises RequestRefused with the server's code; `overloaded`, too, when
        `MAX_UNANSWERED` commands wait already."""
        return await self._ask(kind, fields)

    async def _ask(self, kind: str, fields: Json, told: Callable[[Ack | None], None] = lambda _: None) -> Ack:
        """`told` hears of the answer at once; None is a refusal."""
        done: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def answered(answer: Answer, _: Unanswered) -> None:
            told(None if isinstance(answer, ErrorReceived) else answer)
            if not done.done():
                done.set_result(answer)

        try:
            self.send(kind, fields, answered)
        except RequestRefused:
            told(None)
            raise
        answer = await done
        if isinstance(answer, ErrorReceived):
            raise RequestRefused(0, answer.code, answer.message, answer.details)
        return answer

    async def act(self, move: str, **arguments: Any) -> Ack:
        """Makes a move, in the turn that `shown` shows: it can never land in a later one. Raises as `command` does."""
        ahead, fields = self._ahead, {"move": move, "turn": self.shown.turn_number, **arguments}
        if ahead is None:
            return await self._ask("act", fields)
        made = ahead.make({**arguments, "move": move}, fields["turn"])
        return await self._ask("act", fields, lambda ack: ahead.answered(made, ack, self.seq))

    def foresees(self, foresee: Foresee, shown: Callable[[FullView], None] = lambda _: None) -> None:
        """From now on `shown` has the moves of one's own (`act`) that are on their way, where `foresee` knows what they
        change. The function `shown` is called when it is another one; it may not raise. Of rooms with their whole view
        (`FULL`)."""
        if not isinstance(self.view, FullView):
            raise TypeError("only a whole view can show what is foreseen")
        self._ahead = MovesAhead(self.view, cast(Audience[Json, Events], self._audience), foresee, shown)
        self.follower.audience = cast(Audience[P, E], self._ahead)

    @property
    def shown(self) -> View[P]:
        """`view`; and while moves of one's own are shown ahead, a copy that has them."""
        return self.view if self._ahead is None else cast(View[P], self._ahead.shown)

    def send(self, kind: str, fields: Json, answered: Callable[[Answer, Unanswered], None]) -> Unanswered:
        """As `command`, without a task: `answered` is called once, with the ack or the final refusal. It may not
        raise."""
        if len(self.unanswered) >= MAX_UNANSWERED:
            raise RequestRefused(0, "overloaded", f"{MAX_UNANSWERED} commands are unanswered")
        command_id = self._connection.next_id()
        data = encode({"type": kind, "id": command_id, "room": self.id, **fields})
        command = Unanswered(command_id, data, time.perf_counter(), answered, self._connection.connection)
        self.unanswered[command_id] = command
        self._connection.send(data)
        return command

    async def updates(self) -> AsyncIterator[UpdateReceived[P, E]]:
        """Every update from now on, in order; `view` may be ahead of it. For a room joined without an audience.

        Raises TooSlow.
        """
        stream = self._audience
        assert isinstance(stream, Stream), "this room has an audience of its own"
        while not stream.overrun:
            yield await stream.queue.get()
        raise TooSlow

    # Calls from the client

    def answer(self, answer: Answer, command_id: str) -> None:
        """An answer to one of our commands. One that was given before, to the same command sent again, is dropped."""
        command = self.unanswered.get(command_id)
        if command is None:
            return
        if isinstance(answer, ErrorReceived) and answer.retry_after_ms is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(answer.retry_after_ms / 1000, self._send_again, command)
            return
        del self.unanswered[command_id]
        command.answered(answer, command)

    def caught_up(self) -> None:
        """The room is current on this connection: what the last one left unanswered is sent again."""
        if not self.joined.done():
            self.joined.set_result(None)
        for command in list(self.unanswered.values()):
            if command.connection != self._connection.connection:
                self._send_again(command)

    def refuse(self, refusal: ErrorReceived) -> None:
        """The room cannot be followed any more: every waiting command gets that answer."""
        if not self.joined.done():
            self.joined.set_exception(RequestRefused(0, refusal.code, refusal.message, refusal.details))
        waiting, self.unanswered = list(self.unanswered.values()), {}
        for command in waiting:
            command.answered(refusal, command)

    def _send_again(self, command: Unanswered) -> None:
        if command.id in self.unanswered:
            command.connection = self._connection.connection
            self.resent += 1
            self._connection.send(command.data)
