"""A Tavola client: one user's connection, kept up, with rooms that are always current.

    async with HttpxHttp("http://127.0.0.1:8000") as http:
        api = ApiClient(http)
        me = await api.sign_in("Ada")
        await api.join(room_id, me)
        async with Client("http://127.0.0.1:8000", me, FULL) as client:
            room = await client.join(room_id)
            await room.command("take_seat", seat_index=2)
            async for update in room.updates():
                if room.view.legal:
                    move = room.view.legal[0]["move"]
                    await room.command("act", move=move, turn=room.view.turn_number)

The connection comes back by itself: after a jittered, growing delay, with the last number seen, and with every command
that was not answered sent again under the id that it had, so that it takes effect once. One that has died without a
word is noticed within 5 s while an answer or somebody's move is waited for, within 20 s otherwise. `api` has the REST
calls, `room` what can be done in a room; `follower` says how it is kept current.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import Generic, Literal, Protocol, Self, TypeVar

import msgspec

from .api import ClientIdentity, RequestRefused
from .follower import Audience
from .frames import (
    Ack,
    Authenticated,
    Closing,
    ErrorReceived,
    Frame,
    Hydrated,
    UpdateReceived,
    Updates,
    encode,
)
from .pulse import ConnectionPulse, Due
from .room import Depth, JoinedRoom, Stream
from .transport import Dialer, OpenSocket
from .websockets_transport import dial as by_library

P = TypeVar("P")
E = TypeVar("E")
SUBPROTOCOL = "tavola.v1"
LONGEST_DELAY_S = 5.0
NOT_THE_PROTOCOL = 4400
TOKEN_NO_GOOD = 4401
FLOODED = 4429
GOES_OR_FULL = frozenset({1012, 1013})
"""The server at that address ends, or takes nobody; another one may."""
DO_NOT_RECONNECT = frozenset({NOT_THE_PROTOCOL, 4403, 4409})
HEARTBEAT = encode({"type": "heartbeat"})


class FrameRecorder(Protocol):
    """Takes down what comes and goes, as it happens."""

    def write(
        self, kind: Literal["open", "lost", "in", "out", "held", "fetched", "rest"], data: bytes = b""
    ) -> None: ...


class Client(Generic[P, E]):
    """One user's connection. `async with` keeps it up until the block is left or the server forbids it (`forbidden`).

    Of several addresses the first is taken, and the next whenever one cannot be reached.

    A command that waits when the server forbids the connection is answered with the refusal `forbidden`.

    `dial` opens its sockets. `pen` writes down all that comes and goes.

    `renew` gives a fresh identity when the token has run out. `on_frame`
    sees each frame after it was taken in, `on_garbled` what could not be read, `on_lost` each close code with its
    reason, `on_back` how many seconds it took from the beginning of a connection until all rooms were current again,
    and whether that took a whole view.
    """

    def __init__(
        self,
        url: str | Sequence[str],
        identity: ClientIdentity,
        depth: Depth[P, E],
        *,
        renew: Callable[[ClientIdentity], Awaitable[ClientIdentity]] | None = None,
        pen: FrameRecorder | None = None,
        dial: Dialer = by_library,
    ) -> None:
        self.identity = identity
        self.pen = pen
        self.rooms: dict[str, JoinedRoom[P, E]] = {}
        self.connection = 0
        self.frames = 0
        self.forbidden: int | None = None
        self.on_frame: Callable[[bytes, Frame[P, E]], None] | None = None
        self.on_garbled: Callable[[bytes, str], None] | None = None
        self.on_lost: Callable[[int, str], None] | None = None
        self.on_back: Callable[[float, bool], None] | None = None
        urls = (url,) if isinstance(url, str) else url
        self._origins = list(urls)
        self._urls = [each.replace("http", "ws", 1).rstrip("/") + "/ws" for each in urls]
        self._url = 0
        self._depth = depth
        self._decode = depth.decode
        self._renew = renew
        self._dial = dial
        self._socket: OpenSocket | None = None
        self._failures = 0
        self._told_to_wait_s = 0.0
        self._last_id = 0
        self._id_prefix = f"{random.getrandbits(32):08x}"
        self._task: asyncio.Task[None] | None = None
        self._pulse = ConnectionPulse(0.0)
        self._silent = False
        """The server is not there any more: the connection is cut, and it is time for another server."""
        self._beats: asyncio.TimerHandle | None = None
        self._back: asyncio.Future[None] | None = None
        self._began: float | None = None
        """When the connection was begun, until all rooms are current on it."""

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep_up())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def join(
        self, room_id: str, audience: Audience[P, E] | None = None, *, code: str | None = None
    ) -> JoinedRoom[P, E]:
        """Follows a room, across reconnections; on return its view is there. Without an `audience` the room's `updates`
        are read instead. `code` is that of a private room in which one has no part yet. Raises
        RequestRefused with the server's code, or `forbidden`."""
        if self.forbidden is not None:
            raise RequestRefused(0, "forbidden", f"the server closed the connection for good ({self.forbidden})")
        room: JoinedRoom[P, E] = JoinedRoom(self, room_id, self._depth, audience or Stream(), code)
        self.rooms[room_id] = room
        self._ask(room, "join_room")
        await room.joined
        return room

    def leave(self, room: JoinedRoom[P, E]) -> None:
        """Stops following; a seat stays taken."""
        self.rooms.pop(room.id, None)
        self.send(encode({"type": "leave_room", "room": room.id}))

    def send(self, data: bytes) -> None:
        """Writes one frame if there is a connection, else nothing: rooms send again what was not answered."""
        if self.pen is not None:
            self.pen.write("out" if self._socket is not None else "held", data)
        if self._socket is not None:
            self._socket.send(data)
            self._hurry(self._socket)

    def drop(self) -> None:
        """Cuts the connection without a word, as a bad network does. It comes back by itself."""
        if self._socket is not None:
            self._socket.abort()

    def back_again(self) -> asyncio.Future[None]:
        """Resolved when, on a later connection, all rooms are current again."""
        if self._back is None or self._back.done():
            self._back = asyncio.get_running_loop().create_future()
        return self._back

    @contextlib.asynccontextmanager
    async def not_reading(self) -> AsyncIterator[None]:
        """Within the block nothing is read from the connection, as by a client that cannot keep up."""
        socket = self._socket
        if socket is not None:
            socket.pause()
        try:
            yield
        finally:
            if socket is not None:
                socket.resume()

    def refresh(self) -> None:
        """As `drop`, and comes back without a memory, as a page that was loaded again: with whole views."""
        for room in self.rooms.values():
            room.follower.forget()
        self.drop()

    @property
    def url(self) -> str:
        """The address to which it is connected, or tries to connect, as it was given."""
        return self._origins[self._url]

    def next_id(self) -> str:
        """A fresh id for a command, unlike those of other clients."""
        self._last_id += 1
        return f"{self._id_prefix}-{self._last_id}"

    @property
    def commands_sent(self) -> int:
        """How many commands were given an id; one that was sent again counts once."""
        return self._last_id

    # The connection

    async def _keep_up(self) -> None:
        while self.forbidden is None:
            code = await self._connect_once()
            if code in DO_NOT_RECONNECT:
                self.forbidden = code
                refusal = ErrorReceived(code="forbidden", message=f"the server closed the connection for good ({code})")
                for room in self.rooms.values():
                    room.refuse(refusal)
                return
            if code in GOES_OR_FULL:
                self._try_another()
            told = max(self._told_to_wait_s, 5.0 if code == FLOODED else 0.0)
            self._told_to_wait_s = 0.0
            backoff = min(LONGEST_DELAY_S, 0.05 * 2.0 ** min(self._failures, 10))
            await asyncio.sleep(told + backoff * random.random())

    async def _connect_once(self) -> int | None:
        """Connects, and stays until the connection is lost: its close code, None if there was no connection."""
        loop = asyncio.get_running_loop()
        lost: asyncio.Future[tuple[int, str]] = loop.create_future()
        self._failures += 1
        self._began = time.perf_counter() if self.rooms else None
        try:
            socket = await self._dial(
                self._urls[self._url],
                self._receive,
                lambda code, reason: lost.set_result((code, reason)) if not lost.done() else None,
                SUBPROTOCOL,
            )
        except (OSError, TimeoutError):
            self._try_another()
            return None
        self._socket = socket
        self.connection += 1
        if self.pen is not None:
            self.pen.write("open")
        self._pulse = ConnectionPulse(loop.time())
        self._silent = False
        self._look(socket)
        try:
            socket.send(encode({"type": "authenticate", "token": self.identity.token}))
            for room in self.rooms.values():
                self._ask(room, "join_room")
            code, reason = await lost
        finally:
            self._socket = None
            socket.close()
            if self._beats is not None:
                self._beats.cancel()
        if self.pen is not None:
            self.pen.write("lost", str(code).encode())
        if self.on_lost is not None:
            self.on_lost(code, reason)
        if self._silent:
            self._try_another()
        if code == TOKEN_NO_GOOD and self._renew is not None:
            with contextlib.suppress(OSError, TimeoutError, RequestRefused):
                self.identity = await self._renew(self.identity)
        return code

    def _try_another(self) -> None:
        """Any of the other addresses: those who lose an edge spread over all that are left."""
        if (others := len(self._urls) - 1) > 0:
            self._url = (self._url + 1 + random.randrange(others)) % len(self._urls)

    def _look(self, socket: OpenSocket) -> None:
        """Says that we are there if nothing was said for a while, and cuts the connection if nothing comes then."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        due = self._pulse.look(now, waits=self._waits)
        if due is Due.CUT:
            self._silent = True
            socket.abort()
            return
        if due is Due.ASK:
            socket.send(HEARTBEAT)
        self._beats = loop.call_at(self._pulse.looks_at, self._look, socket)

    def _hurry(self, socket: OpenSocket) -> None:
        """If something is waited for by now, look as soon as that wants."""
        if self._beats is not None and self._pulse.late(asyncio.get_running_loop().time()) and self._waits:
            self._beats.cancel()
            self._look(socket)

    @property
    def _waits(self) -> bool:
        """Whether an answer is owed to us, or it is somebody's turn."""
        rooms = self.rooms.values()
        return any(room.unanswered or room.view.turn_number is not None or room.follower.catching_up for room in rooms)

    # Frames

    def _receive(self, data: bytes) -> None:
        self.frames += 1
        self._pulse.heard(asyncio.get_running_loop().time())
        if self.pen is not None:
            self.pen.write("in", data)
        try:
            frame = self._decode(data)
        except msgspec.DecodeError as error:
            if self.on_garbled is not None:
                self.on_garbled(data, str(error))
            return
        if isinstance(frame, UpdateReceived):
            room = self.rooms.get(frame.room)
            if room is not None and room.follower.update(frame):
                self._ask(room, "resync")
        else:
            self._take(frame)
        if self._socket is not None:
            self._hurry(self._socket)
        if self.on_frame is not None:
            self.on_frame(data, frame)

    def _take(self, frame: Frame[P, E]) -> None:
        match frame:
            case Ack() | ErrorReceived(id=str()):
                for room in self._rooms_of(frame):
                    room.answer(frame, frame.id or "")
            case ErrorReceived():
                for room in self._rooms_of(frame):
                    self._not_followed(room, frame)
            case Updates() | Hydrated():
                self._catch_up(frame)
            case Authenticated():
                self._failures = 0
            case Closing():
                self._told_to_wait_s = frame.reconnect_after_ms / 1000
            case _:
                pass

    def _catch_up(self, frame: Updates[P, E] | Hydrated[P]) -> None:
        room = self.rooms.get(frame.room)
        if room is None:
            return
        again = room.follower.updates(frame) if isinstance(frame, Updates) else room.follower.hydrated(frame)
        if again:
            self._ask(room, "resync")
            return
        room.caught_up()
        if self._began is not None and not any(each.follower.catching_up for each in self.rooms.values()):
            took, self._began = time.perf_counter() - self._began, None
            if self._back is not None and not self._back.done():
                self._back.set_result(None)
            if self.on_back is not None:
                self.on_back(took, isinstance(frame, Hydrated))

    def _rooms_of(self, frame: Ack | ErrorReceived) -> list[JoinedRoom[P, E]]:
        if frame.room is None:
            return [room for room in self.rooms.values() if frame.id is None or frame.id in room.unanswered]
        return [self.rooms[frame.room]] if frame.room in self.rooms else []

    def _ask(self, room: JoinedRoom[P, E], kind: str) -> None:
        asked: dict[str, str | int] = {"type": kind, "room": room.id}
        if (after := room.follower.asking()) is not None:
            asked["after"] = after
            if (epoch := room.follower.epoch) is not None:
                asked["epoch"] = epoch
        if kind == "join_room" and room.code is not None:
            asked["code"] = room.code
        self.send(encode(asked))

    def _not_followed(self, room: JoinedRoom[P, E], refusal: ErrorReceived) -> None:
        """`join_room` or `resync` was refused, or a whole view that nobody asked for could not be had: for now, or for
        good. The room is followed no more."""
        if not room.follower.catching_up:
            room.follower.asking()
        if refusal.retry_after_ms is None:
            room.refuse(refusal)
            return
        connection = self.connection

        def again() -> None:
            if self.connection == connection and room.follower.catching_up:
                self._ask(room, "join_room")

        asyncio.get_running_loop().call_later(refusal.retry_after_ms / 1000, again)
