"""One client's connection: authenticated first, then commands in and updates out. Frames as docs/protocol.md says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from functools import partial
from typing import Any, Protocol

import structlog

from actors.commands import RoomId, Sender, UserId
from actors.load import update_of
from actors.messages import Answer, Deliver, Done, Look, No, Seen
from actors.update import frames
from edge import protocol
from edge.auth import UNAUTHENTICATED, Identities, Identity
from edge.fanout import Fanout, Follower
from edge.limits import Bucket
from edge.router import NOBODY, Router
from edge.websocket import text_frame
from storage.postgres import Database, StorageUnavailable

log = structlog.get_logger()

OUTBOX_LIMIT = 1024 * 1024
"""Bytes that may wait for a client to read; more, and it is closed with 4503 to come back with `after`."""
RATE, BURST = 500.0, 1000.0
"""Messages a second from one socket; beyond, they are refused `rate_limited`."""
REFUSALS, FLOOD = 20.0, 1000.0
"""Refusals for its rate that a socket is given: so many a second, so many at once; beyond, it is closed with 4429."""
ROOMS_LIMIT = 100
"""Rooms that one socket may follow."""
SOCKETS_A_USER = 8
FIRST_FRAME_S = 10.0
SILENT_S = 75.0
SLOW_DOWN = No("rate_limited", "Too many messages.", None, 1000)


class Transport(Protocol):
    """What a connection writes to; `edge.websocket.DirectWebSocket` is one."""

    @property
    def unsent(self) -> int: ...

    def write(self, frames: bytes) -> None: ...

    def close(self, code: int, reason: str) -> None: ...


class Services:
    """What every connection of an edge works with."""

    def __init__(self, identities: Identities, router: Router, fanout: Fanout, database: Database) -> None:
        self.identities = identities
        self.router = router
        self.fanout = fanout
        self.database = database
        self.connections: set[Connection] = set()
        self.by_user: dict[UserId, set[Connection]] = {}

    async def sweep(self) -> None:
        """Close who does not say who he is, and who says nothing any more; until cancelled."""
        while True:
            await asyncio.sleep(1.0)
            now = asyncio.get_running_loop().time()
            for connection in list(self.connections):
                connection.expire(now)


class Connection:
    """One socket. Messages come in through `message`, in order; nothing here waits for a slow client."""

    def __init__(self, transport: Transport, services: Services) -> None:
        self._transport = transport
        self._services = services
        self._loop = asyncio.get_running_loop()
        self._identity: Identity | None = None
        self._sender = Sender(UserId(""), "")
        self._rooms: dict[str, Follower] = {}
        self._after: dict[str, int] = {}
        self._bucket = Bucket(RATE, BURST, self._loop.time())
        self._patience = Bucket(REFUSALS, FLOOD, self._loop.time())
        self._slow = False
        self._held: list[bytes] | None = None
        """Frames that leave together, while they are being gathered."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._heard_at = self._loop.time()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        services.connections.add(self)

    # In

    def message(self, data: bytes, is_text: bool) -> None:
        """A whole message from the client."""
        now = self._heard_at = self._loop.time()
        if not is_text:
            self._transport.close(4400, "frames are JSON text")
            return
        if not self._bucket.take(now):
            if self._patience.take(now):
                self._send(protocol.error(SLOW_DOWN, *protocol.whose(data)))
            else:
                self._transport.close(4429, "flooding")
            return
        if len(data) > protocol.FRAME_LIMIT:
            self._send(protocol.error(No("message_too_large", "A message has at most 32 KiB.")))
            return
        frame = protocol.decode(data)
        match frame:
            case protocol.Bad():
                self._send(protocol.error(frame.no, frame.id, frame.room))
                if self._identity is None:
                    self._transport.close(4400, "the first frame must be authenticate")
            case protocol.Authenticate():
                self._authenticate(frame)
            case _ if self._identity is None:
                self._send(protocol.error(UNAUTHENTICATED, getattr(frame, "id", None), getattr(frame, "room", None)))
                self._transport.close(4401, "the first frame must be authenticate")
            case protocol.Heartbeat():
                self._send(protocol.heartbeat_ack(_now_ms()))
            case protocol.JoinRoom():
                self._follow(frame.room, frame.after if frame.after is not None else self._after.pop(frame.room, None))
            case protocol.Resync():
                self._follow(frame.room, frame.after)
            case protocol.LeaveRoom():
                follower = self._rooms.pop(frame.room, None)
                if follower is not None:
                    self._services.fanout.end(follower, frame.room)
                self._send(protocol.left(frame.room))
            case command:
                sender = self._sender
                self._services.router.send(
                    RoomId(command.room),
                    lambda epoch: Deliver(epoch, sender, command),
                    partial(self._answered, command.id, RoomId(command.room)),
                )

    def gone(self) -> None:
        """The connection is closed."""
        self._services.connections.discard(self)
        if self._identity is not None:
            mine = self._services.by_user.get(self._identity.user)
            if mine is not None:
                mine.discard(self)
                if not mine:
                    del self._services.by_user[self._identity.user]
        for room, follower in self._rooms.items():
            self._services.fanout.end(follower, room)
        self._rooms.clear()
        for task in self._tasks:
            task.cancel()
        if not self.closed.done():
            self.closed.set_result(None)

    def expire(self, now: float) -> None:
        """Close if the client has been silent for too long."""
        silent = now - self._heard_at
        if self._identity is None and silent > FIRST_FRAME_S:
            self._send(protocol.error(UNAUTHENTICATED))
            self._transport.close(4401, "not authenticated in time")
        elif silent > SILENT_S:
            self._transport.close(4408, "no heartbeat")

    # Out

    def write(self, frame: bytes) -> None:
        """Take a ready-made frame."""
        if self._held is not None:
            self._held.append(frame)
            return
        self._transport.write(frame)
        if self._transport.unsent > OUTBOX_LIMIT and not self._slow:
            # Not at once: whoever writes here may be going through a room's followers.
            self._slow = True
            log.info("socket.slow_consumer", user=self._sender.user)
            self._loop.call_soon(self._transport.close, 4503, "could not keep up")

    def drain(self, reconnect_after_ms: int) -> None:
        """Say goodbye: the edge stops."""
        self._send(protocol.closing("the server restarts", reconnect_after_ms))
        self._transport.close(1012, "the server restarts")

    def _send(self, payload: bytes) -> None:
        self.write(text_frame(payload))

    # Who

    def _authenticate(self, frame: protocol.Authenticate) -> None:
        found = self._services.identities.verify(frame.token) if frame.token else UNAUTHENTICATED
        if isinstance(found, No):
            self._send(protocol.error(found))
            self._transport.close(4401, found.code)
            return
        if self._identity is not None and self._identity.user != found.user:
            self._send(protocol.error(No("forbidden", "This socket belongs to another user.")))
            return
        mine = self._services.by_user.setdefault(found.user, set())
        if self not in mine and len(mine) >= SOCKETS_A_USER:
            self._transport.close(4409, "too many sockets")
            return
        mine.add(self)
        self._identity, self._sender = found, Sender(found.user, found.name)
        self._after = dict(frame.after)
        self._send(protocol.authenticated(found.user, found.name, found.expires_at * 1000, _now_ms()))

    # Commands

    def _answered(self, id: str, room: RoomId, answer: Answer) -> None:
        if isinstance(answer, Done):
            held: list[bytes] = []
            self._held = held
            try:
                if answer.update:
                    self._services.fanout.heard(room, answer.update)
                self._send(protocol.ack(id, room, answer))
            finally:
                self._held = None
                self.write(b"".join(held))
        else:
            self._send(protocol.error(answer if isinstance(answer, No) else NOBODY, id, room))

    # Following

    def _follow(self, room: str, after: int | None) -> None:
        follower = self._rooms.get(room)
        if follower is None:
            if len(self._rooms) >= ROOMS_LIMIT:
                self._send(protocol.error(No("overloaded", "This socket follows too many rooms."), None, room))
                return
            follower = self._rooms[room] = Follower(self, self._sender.user)
        self._start(self._join(RoomId(room), follower, after))

    async def _join(self, room: RoomId, follower: Follower, after: int | None) -> None:
        """Send what the client misses, or everything; what happens from now on follows by itself.

        One at a time for each follower; one whose client has left the room meanwhile comes to nothing.
        """
        async with follower.joining:
            if self._rooms.get(room) is follower:
                await self._join_alone(room, follower, after)
            if self._rooms.get(room) is not follower:
                self._services.fanout.end(follower, room)

    async def _join_alone(self, room: RoomId, follower: Follower, after: int | None) -> None:
        await self._services.fanout.begin(follower, room)
        try:
            joined = after is not None and await self._replay(room, follower, after)
        except StorageUnavailable:
            joined = False
        if not joined:
            no = await self._hydrate(room, follower)
            if no is not None and self._rooms.get(room) is follower:
                del self._rooms[room]
                self._send(protocol.error(no, None, room))

    async def _replay(self, room: RoomId, follower: Follower, after: int) -> bool:
        """Whether the gap after `after` was short enough to be replayed from the log."""
        database = self._services.database
        stands = await database.row("audience_of", room, follower.user)
        if stands is None or stands["seq"] is None or not 0 <= stands["seq"] - after <= protocol.GAP_LIMIT:
            return False
        rows = await database.rows("log_after", room, after, stands["seq"] - after) if stands["seq"] > after else []
        missed = [update_of(room, row) for row in rows]
        if len(missed) != stands["seq"] - after:
            return False
        if self._rooms.get(room) is not follower:
            return True
        audience = "inside" if stands["inside"] else "outside"
        self._send(protocol.updates(room, frames(missed, follower.user, audience)))  # type: ignore[arg-type]
        self._services.fanout.place(follower, room, stands["seq"], audience)  # type: ignore[arg-type]
        return True

    async def _hydrate(self, room: RoomId, follower: Follower) -> No | None:
        sender = self._sender
        answer = await self._services.router.ask(room, lambda epoch: Look(epoch, sender, room))
        if self._rooms.get(room) is not follower:
            return None
        if isinstance(answer, Seen):
            self._send(protocol.hydrated(room, answer.seq, answer.at, answer.view, answer.stale))
            self._services.fanout.place(follower, room, answer.seq, answer.audience)
            return None
        return answer if isinstance(answer, No) else NOBODY

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
