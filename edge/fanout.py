"""Following rooms: one subscription a room on this edge, however many sockets follow it; every number once, in order.

An edge hears of an update by the answer to a command that it carried, by Redis, or by looking into the log; whichever
comes first counts and the others are old by then. A number that is missing is waited for a moment (another edge's
answer may overtake Redis), then read from the log. Every 250 ms the edge asks, for up to a thousand rooms at once,
whether any has gone on without it: so a lost message costs that long, and so does a Redis that is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

import msgspec
import structlog

from actors import update as codec
from actors.commands import Epoch, RoomId, Seq, UserId
from actors.load import update_of
from actors.messages import Present
from actors.update import Audience, Update
from edge.presence import Presence
from edge.websocket import text_frame
from storage.postgres import Database, StorageUnavailable
from storage.redis import Subscriber

log = structlog.get_logger()

POLL_S = 0.25
POLL_ROOMS = 1000
"""Rooms that are asked after at once. While there is Redis, more of them take turns: what it loses is next to nothing,
and to ask after ten thousand every time cost an edge a third of a core, and Postgres as much."""
OVERTAKEN_S = 0.03
"""How long a missing number is waited for before it is read from the log."""
EARLY_LIMIT = 1000
"""Updates kept that came before a missing one; beyond, they are read from the log later."""
PAGE = 200


class Sink(Protocol):
    def write(self, frame: bytes) -> None:
        """Take a ready-made WebSocket frame."""

    def given(self, room: RoomId, grant: str) -> bytes:
        """What a frame has besides for who is given `grant`: JSON members, each with a comma before it."""

    def put_out(self) -> None:
        """Its user was put out of a room that it follows: close, but not at once, for others are being written to."""


class Follower:
    """One socket's part in a room: which audience it is in, and, until it is in step with the feed, its last number."""

    __slots__ = ("audience", "has_part", "joining", "present", "seq", "socket", "user")

    def __init__(self, socket: Sink, user: UserId) -> None:
        self.socket = socket
        self.user = user
        self.seq = Seq(-1)
        self.audience: Audience = "outside"
        self.has_part = False
        """Its user sits, watches, or is the host."""
        self.present = False
        """It counts as its user's presence in the room."""
        self.joining = asyncio.Lock()
        """Held while the follower is being given his view."""

    def show(self, update: Update) -> None:
        """Write him `update`, as he may see it after it; if it puts him out of the room, that is the last."""
        part = update.users.get(self.user)
        if part is None:
            self.socket.write(text_frame(update.frame_for(self.user, self.audience)))
            return
        if part.audience is not None:
            self.audience, self.has_part = part.audience, part.audience == "inside"
        extra = self.socket.given(update.room, part.grant) if part.grant else b""
        self.socket.write(text_frame(update.frame_for(self.user, self.audience, extra)))
        if part.out:
            self.socket.put_out()


class _Head(msgspec.Struct, array_like=True):
    room: str
    seq: int


_head = msgspec.msgpack.Decoder(_Head).decode
_present = msgspec.json.Decoder(Present).decode


class Feed:
    """One room as this edge follows it: `seq` is the last number that its followers in step have been sent."""

    def __init__(self, room: RoomId) -> None:
        self.room = room
        self.seq = Seq(-1)
        self.inside: set[Follower] = set()
        self.outside: set[Follower] = set()
        self.joining: dict[Follower, list[Update]] = {}
        """Followers who wait for their view, with what came meanwhile."""
        self.ahead: set[Follower] = set()
        """Followers whose view is newer than `seq`."""
        self.early: dict[Seq, Update] = {}
        self.known = Seq(-1)
        """The log was seen to go as far as this."""
        self.repair: asyncio.TimerHandle | asyncio.Task[None] | None = None

    @property
    def empty(self) -> bool:
        return not (self.inside or self.outside or self.joining or self.ahead)

    def put(self, follower: Follower) -> None:
        (self.inside if follower.audience == "inside" else self.outside).add(follower)

    def discard(self, follower: Follower) -> None:
        self.inside.discard(follower)
        self.outside.discard(follower)
        self.ahead.discard(follower)
        self.joining.pop(follower, None)

    def deliver(self, update: Update) -> list[Follower]:
        """The next number: to everybody in step, each as he may see it. Gives those who changed their audience."""
        self.seq = update.seq
        for waiting in self.joining.values():
            waiting.append(update)
        moved: list[Follower] = []
        if self.inside:
            self._show(self.inside, update, "inside", moved)
        if self.outside:
            self._show(self.outside, update, "outside", moved)
        for follower in moved:
            self.discard(follower)
            self.put(follower)
        if self.ahead:
            for follower in [f for f in self.ahead if f.seq <= self.seq]:
                self.ahead.discard(follower)
                self.put(follower)
        return moved

    def _show(self, followers: set[Follower], update: Update, audience: Audience, moved: list[Follower]) -> None:
        """One encoded frame serves all of whom the update says nothing in particular."""
        users = update.users
        shared = text_frame(update.frame(*update.shared(audience)))
        for follower in followers:
            if follower.user in users:
                follower.show(update)
                if follower.audience != audience:
                    moved.append(follower)
            else:
                follower.socket.write(shared)


class Fanout:
    """All the rooms that this edge follows."""

    def __init__(self, database: Database, redis_url: str, presence: Presence) -> None:
        self._database = database
        self.presence = presence
        self._feeds: dict[str, Feed] = {}
        self._subscriber = Subscriber(redis_url, self.heard, self.heard_presence)
        self._repairs: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    @property
    def redis_up(self) -> bool:
        return self._subscriber.up

    async def run(self) -> None:
        """Hear and look, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._subscriber.run())
            tasks.create_task(self._poll())

    def rooms(self) -> list[str]:
        """Those that somebody follows here."""
        return list(self._feeds)

    # Following

    async def begin(self, follower: Follower, room: RoomId) -> None:
        """From now on what happens in the room is kept for `follower`, until `place` or `end`."""
        feed = self._feeds.get(room)
        if feed is None:
            feed = self._feeds[room] = Feed(room)
        feed.discard(follower)
        feed.joining[follower] = []
        if not follower.present:
            # Said before the view is asked for: whoever has his view may close another tab and is not missed.
            follower.present = True
            self.presence.came(room, follower.user)
        await self._subscriber.follow(room)

    def place(self, follower: Follower, room: RoomId, seq: Seq, audience: Audience, *, has_part: bool) -> None:
        """`follower` has been sent everything up to `seq`, as one of `audience`: the rest follows by itself."""
        feed = self._feeds.get(room)
        if feed is None or follower not in feed.joining:
            return
        follower.seq, follower.audience, follower.has_part = seq, audience, has_part
        self._place(feed, follower)
        self._stands(feed, follower)

    def _place(self, feed: Feed, follower: Follower) -> None:
        waiting = feed.joining.pop(follower)
        if feed.seq < 0:
            feed.seq = follower.seq
            feed.put(follower)
            for update in waiting:
                self._next(feed, update)
            return
        for update in waiting:
            if update.seq == follower.seq + 1:
                follower.show(update)
                follower.seq = update.seq
        if follower.seq == feed.seq:
            feed.put(follower)
        elif follower.seq > feed.seq:
            feed.ahead.add(follower)
            self._repair_soon(feed)
        else:
            self._start(self._catch_up(feed, follower))

    def end(self, follower: Follower, room: str) -> None:
        """`follower` follows the room no more."""
        feed = self._feeds.get(room)
        if feed is None:
            return
        feed.discard(follower)
        if follower.present:
            follower.present = False
            self.presence.went(feed.room, follower.user)
        if feed.empty:
            del self._feeds[room]
            self._subscriber.unfollow(room)
            if feed.repair is not None and not isinstance(feed.repair, asyncio.Task):
                feed.repair.cancel()

    # Hearing

    def heard(self, room: str, message: bytes) -> None:
        """An encoded `Update`, from whichever side. Old ones, and ones from nobody of ours, are ignored."""
        feed = self._feeds.get(room)
        if feed is None:
            return
        try:
            if _head(message).seq <= feed.seq:
                return
            update = codec.decode(message)
        except msgspec.MsgspecError as error:
            log.warning("update.unreadable", room=room, reason=str(error))
            return
        if update.room == room:
            self._next(feed, update)

    def heard_presence(self, message: bytes) -> None:
        """Somebody came or went, in whichever room: those inside are told. It has no number, and may be lost."""
        try:
            present = _present(message)
        except msgspec.MsgspecError as error:
            log.warning("presence.unreadable", reason=str(error))
            return
        feed = self._feeds.get(present.room)
        if feed is not None:
            frame = text_frame(msgspec.json.encode(present))
            for follower in feed.inside:
                follower.socket.write(frame)

    def _next(self, feed: Feed, update: Update) -> None:
        if feed.seq < 0:
            for waiting in feed.joining.values():
                waiting.append(update)
            return
        if update.seq > feed.seq + 1:
            if len(feed.early) < EARLY_LIMIT:
                feed.early[update.seq] = update
            self._repair_soon(feed)
            return
        if update.seq == feed.seq + 1:
            self._deliver(feed, update)
        while (early := feed.early.pop(Seq(feed.seq + 1), None)) is not None:
            self._deliver(feed, early)
        if feed.early:
            feed.early = {seq: early for seq, early in feed.early.items() if seq > feed.seq}

    def _deliver(self, feed: Feed, update: Update) -> None:
        for follower in feed.deliver(update):
            self._stands(feed, follower)

    def _stands(self, feed: Feed, follower: Follower) -> None:
        self.presence.stands(feed.room, follower.user, follower.has_part)

    # Gaps

    def _repair_soon(self, feed: Feed) -> None:
        if feed.repair is None:
            feed.repair = self._loop.call_later(OVERTAKEN_S, self._repair_now, feed)

    def _repair_now(self, feed: Feed) -> None:
        if isinstance(feed.repair, asyncio.Task):
            return
        behind = feed.early or feed.known > feed.seq or any(follower.seq > feed.seq for follower in feed.ahead)
        feed.repair = self._start(self._repair(feed)) if behind else None

    async def _repair(self, feed: Feed) -> None:
        """Read from the log what is missing, up to its end."""
        try:
            read = PAGE
            while read == PAGE and self._feeds.get(feed.room) is feed:
                rows = await self._database.rows("log_after", feed.room, feed.seq, PAGE)
                read = len(rows)
                for row in rows:
                    self._next(feed, update_of(feed.room, row))
            log.info("gap.repaired", room=feed.room, seq=feed.seq)
        except StorageUnavailable as error:
            log.warning("gap.not_repaired", room=feed.room, reason=str(error))
        finally:
            feed.repair = None

    async def _catch_up(self, feed: Feed, follower: Follower) -> None:
        """A follower whose view is older than what the others have been sent: read him the difference."""
        feed.joining[follower] = []
        try:
            rows = await self._database.rows("log_after", feed.room, follower.seq, PAGE)
        except StorageUnavailable as error:
            log.warning("gap.not_repaired", room=feed.room, reason=str(error))
            rows = []
        if follower not in feed.joining:
            return
        for row in rows:
            update = update_of(feed.room, row)
            if update.seq == follower.seq + 1 and update.seq <= feed.seq:
                follower.show(update)
                follower.seq = update.seq
        if not rows:
            await asyncio.sleep(POLL_S)
        self.place(follower, feed.room, follower.seq, follower.audience, has_part=follower.has_part)

    async def _poll(self) -> None:
        waiting: list[Feed] = []
        while True:
            await asyncio.sleep(POLL_S)
            waiting = waiting or list(self._feeds.values())
            await self._ask_after(waiting[-POLL_ROOMS:])
            del waiting[-POLL_ROOMS:]
            while waiting and not self.redis_up:
                await self._ask_after(waiting[-POLL_ROOMS:])
                del waiting[-POLL_ROOMS:]

    async def _ask_after(self, feeds: list[Feed]) -> None:
        """Whether any of these rooms has gone on without us."""
        known = [(feed.room, feed.seq, self.presence.epoch(feed.room)) for feed in feeds if feed.seq >= 0]
        if not known:
            return
        try:
            behind = await self._database.rows("behind", *(list(column) for column in zip(*known, strict=True)))
        except StorageUnavailable:
            return
        for row in behind:
            feed = self._feeds.get(row["room_id"])
            if feed is None:
                continue
            if self.presence.epoch(feed.room) < row["epoch"]:
                self.presence.moved(feed.room, Epoch(row["epoch"]))
            if feed.seq < row["seq"]:
                feed.known = row["seq"]
                self._repair_soon(feed)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._repairs.add(task)
        task.add_done_callback(self._repairs.discard)
        return task
