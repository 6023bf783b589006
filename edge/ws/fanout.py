"""Following rooms: one subscription a room on this edge, however many sockets follow it; every number once, in order.

An edge hears of an update by the answer to a command that it carried, by Redis, or by looking into the log; whichever
comes first counts and the others are old by then. A number that is missing is waited for a moment (another edge's
answer may overtake Redis), then read from the log. An actor tells, on its lines, which of its rooms have changed, a
moment later: so a lost message costs that long, and so does a Redis that is away. The database is asked only
after rooms of which no actor tells, every 250 ms, for up to a thousand at once; and after a few of the others, for an
actor may have lost a room and not know it.

A database may go back: a failover lost commits, a backup was restored. The updates shown of those never were, and
their numbers are given again. An update is named by its number and its epoch; where one does not go on from what was
shown last, the log is asked, and if it does not have that, everybody who follows the room is given a whole view.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import structlog

from tavola.actors.wire import update as codec
from tavola.actors.wire.commands import Epoch, RoomId, Seq, UserId
from tavola.actors.wire.messages import AnnouncementAt, Fleeting, PresenceAt, RoomsAt
from tavola.actors.wire.update import Audience, Update
from tavola.edge.routing.presence import EdgePresence
from tavola.edge.ws.history import Shown
from tavola.edge.ws.turns import PollTurns
from tavola.edge.ws.websocket import text_frame
from tavola.storage.postgres import Database, StorageUnavailable
from tavola.storage.redis import LinkHealth, Subscriber
from tavola.storage.rows import Row
from tavola.storage.sealing import Opener

if TYPE_CHECKING:
    from tavola.config.spans import Tracer

log = structlog.get_logger()

POLL_S = 0.25
POLL_ROOMS = 1000
"""Rooms that are asked after at once. While there is Redis, more of them take turns: what it loses is next to nothing,
and to ask after ten thousand every time cost an edge a third of a core, and Postgres as much."""
ASSURED = 100
"""Of the rooms of which one tells, so many are asked after each time all the same: twenty thousand in 50 s."""
OVERTAKEN_S = 0.03
"""How long a missing number is waited for before it is read from the log."""
EARLY_LIMIT = 1000
"""Updates kept that came before a missing one; beyond, they are read from the log later."""
PAGE = 200
NO_EPOCH = Epoch(-1)


class FrameWriter(Protocol):
    @property
    def id(self) -> str:
        """No other of this edge has it."""

    def write(self, frame: bytes) -> None:
        """Take a ready-made WebSocket frame."""

    def given(self, room: RoomId, grant: str) -> bytes:
        """The part of a frame for a user who is given `grant`: JSON members, each with a comma before it."""

    def put_out(self) -> None:
        """Its user was put out of a room that it follows: close, but not at once, for others are being written to."""

    def start_over(self, room: RoomId) -> None:
        """The updates that it was shown are none of the room's history: give it a whole view, beginning with
        `Fanout.begin`."""


class RoomFollower:
    """One socket's part in a room: which audience it is in, and, until it is in step with the feed, its last number and
    the epoch of that."""

    __slots__ = ("audience", "epoch", "has_part", "joining", "present", "seq", "socket", "user")

    def __init__(self, socket: FrameWriter, user: UserId) -> None:
        self.socket = socket
        self.user = user
        self.seq, self.epoch = Seq(-1), Epoch(0)
        self.audience: Audience = "outside"
        self.has_part = False
        """Its user sits, watches, or is the host."""
        self.present = False
        """It counts as its user's presence in the room."""
        self.joining = asyncio.Lock()
        """Held while the follower is being given their view."""

    def goes_on(self, update: Update) -> bool:
        """Whether `update` is the next for them, of the history that they were shown."""
        return update.seq == self.seq + 1 and update.follows == self.epoch

    def catch_up(self, update: Update) -> None:
        self.show(update)
        self.seq, self.epoch = update.seq, update.epoch

    def show(self, update: Update) -> None:
        """Write them `update`, as they may see it after it; if it puts them out of the room, that is the last."""
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


_fleeting = msgspec.json.Decoder(Fleeting).decode


class Feed:
    """One room as this edge follows it: `seq` is the last number that its followers in step have been sent, `epoch` the
    one at which it was committed."""

    def __init__(self, room: RoomId) -> None:
        self.room = room
        self.seq, self.epoch = Seq(-1), Epoch(0)
        self._found: tuple[Shown, Epoch] | None = None
        self.inside: set[RoomFollower] = set()
        self.outside: set[RoomFollower] = set()
        self.joining: dict[RoomFollower, list[Update]] = {}
        """Followers who wait for their view, with what came meanwhile."""
        self.ahead: set[RoomFollower] = set()
        """Followers whose view is newer than `seq`."""
        self.early: dict[Seq, Update] = {}
        self.known = Seq(-1)
        """The log was seen to go as far as this."""
        self.doubtful = False
        """Something was heard that does not go on from what was shown."""
        self.strays: set[RoomFollower] = set()
        """Of those joining, the ones whose view is of another history than `seq` is: one of the two is gone."""
        self.repair: asyncio.TimerHandle | asyncio.Task[None] | None = None

    @property
    def empty(self) -> bool:
        return not (self.inside or self.outside or self.joining or self.ahead)

    @property
    def followers(self) -> list[RoomFollower]:
        return [*self.inside, *self.outside, *self.ahead, *self.joining]

    @property
    def shown(self) -> Shown:
        return Shown(self.seq, self.epoch)

    @property
    def expected(self) -> Epoch:
        """The epoch of a room at `seq` whose log has all that was shown; -1 if that has to be looked at."""
        if self._found is None or self.doubtful:
            return NO_EPOCH
        shown, epoch = self._found
        # Nothing was shown since, or nothing but what whoever owns the room at that epoch has done.
        return epoch if shown == self.shown or epoch == self.epoch else NO_EPOCH

    def found(self, shown: Shown, epoch: Epoch) -> None:
        """The log has `shown`, and the room is at `epoch`."""
        self._found = (shown, epoch)

    def put(self, follower: RoomFollower) -> None:
        (self.inside if follower.audience == "inside" else self.outside).add(follower)

    def discard(self, follower: RoomFollower) -> None:
        self.inside.discard(follower)
        self.outside.discard(follower)
        self.ahead.discard(follower)
        self.strays.discard(follower)
        self.joining.pop(follower, None)

    def empty_out(self) -> None:
        """Nobody follows the room by this any more."""
        for followers in (self.inside, self.outside, self.ahead, self.strays):
            followers.clear()
        self.joining.clear()
        self.early.clear()

    def deliver(self, update: Update) -> list[RoomFollower]:
        """The next number: to everybody in step, each as they may see it. Gives those who changed their audience."""
        self.seq, self.epoch = update.seq, update.epoch
        for waiting in self.joining.values():
            waiting.append(update)
        moved: list[RoomFollower] = []
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
                self.meet(follower)
        return moved

    def meet(self, follower: RoomFollower) -> None:
        """They were sent as much as the others: from here on it is the same for all, if it was until now."""
        if follower.epoch == self.epoch:
            self.put(follower)
        else:
            self.doubtful = True
            self.joining[follower] = []
            self.strays.add(follower)

    def _show(
        self, followers: set[RoomFollower], update: Update, audience: Audience, moved: list[RoomFollower]
    ) -> None:
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

    def __init__(
        self,
        database: Database,
        redis_url: str,
        opener: Opener,
        presence: EdgePresence,
        *,
        renewed: bool = False,
        tracer: Tracer | None = None,
    ) -> None:
        """`renewed`: a placement may begin with other rules, by which the views before were not made; so everybody is
        given whole ones then."""
        self._renewed = renewed
        self._tracer = tracer
        self._database = database
        self.presence = presence
        self._feeds: dict[str, Feed] = {}
        self._subscriber = Subscriber(redis_url, opener, self)
        self._repairs: set[asyncio.Task[None]] = set()
        self.lost = 0
        """How often a room's history, as it was shown here, turned out to be gone."""
        self._loop = asyncio.get_running_loop()

    @property
    def redis_up(self) -> bool:
        return self._subscriber.up

    @property
    def links(self) -> dict[str, LinkHealth]:
        """This edge's links to Redis, by what they are for."""
        return {"subscribe": self._subscriber.health, **self.presence.people.links}

    @property
    def not_opened(self) -> int:
        """Messages in Redis that nobody of ours has sealed. They were ignored."""
        return self._subscriber.not_opened + self.presence.people.not_opened

    async def run(self, told_of: Callable[[RoomId], bool] = lambda _: False) -> None:
        """Hear and look, until cancelled. `told_of` says of a room whether an actor tells where it stands (`told`)."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._subscriber.run())
            tasks.create_task(self._poll(told_of))

    def rooms(self) -> list[str]:
        """Those that somebody follows here."""
        return list(self._feeds)

    # Following

    async def begin(self, follower: RoomFollower, room: RoomId) -> None:
        """From now on what happens in the room is kept for `follower`, until `place` or `end`."""
        feed = self._feeds.get(room)
        if feed is None:
            feed = self._feeds[room] = Feed(room)
        feed.discard(follower)
        feed.joining[follower] = []
        if not follower.present:
            # Said before the view is asked for: whoever has their view may close another tab and is not missed.
            follower.present = True
            self.presence.came(room, follower.user, follower.socket)
        await self._subscriber.follow(room)

    def place(
        self, follower: RoomFollower, room: RoomId, seq: Seq, epoch: Epoch, audience: Audience, *, has_part: bool
    ) -> None:
        """`follower` has been sent everything up to `seq`, committed at `epoch`, as one of `audience`: the rest follows
        by itself."""
        feed = self._feeds.get(room)
        if feed is None or follower not in feed.joining:
            return
        follower.seq, follower.epoch, follower.audience, follower.has_part = seq, epoch, audience, has_part
        self._place(feed, follower)
        self._stands(feed, follower)

    def _place(self, feed: Feed, follower: RoomFollower) -> None:
        waiting = feed.joining.pop(follower)
        if feed.seq < 0:
            feed.seq, feed.epoch = follower.seq, follower.epoch
            feed.put(follower)
            for update in waiting:
                self._next(feed, update)
            if feed.known > feed.seq:
                self._repair_soon(feed)
            return
        for update in waiting:
            if follower.goes_on(update):
                follower.catch_up(update)
        if follower.seq == feed.seq:
            feed.meet(follower)
            if feed.doubtful:
                self._repair_soon(feed)
        elif follower.seq > feed.seq:
            feed.ahead.add(follower)
            self._repair_soon(feed)
        else:
            self._start(self._catch_up(feed, follower))

    def end(self, follower: RoomFollower, room: str, *, elsewhere: bool = False) -> None:
        """`follower` follows the room no more. `elsewhere`: its socket was sent to another edge."""
        feed = self._feeds.get(room)
        if feed is None:
            return
        feed.discard(follower)
        if follower.present:
            follower.present = False
            self.presence.went(feed.room, follower.user, follower.socket, elsewhere=elsewhere)
        if feed.empty:
            del self._feeds[room]
            self._subscriber.unfollow(room)
            if feed.repair is not None and not isinstance(feed.repair, asyncio.Task):
                feed.repair.cancel()

    # Hearing

    def wanted(self, room: str, seq: int) -> bool:
        """Whether somebody here follows the room and has not been sent that update."""
        feed = self._feeds.get(room)
        return feed is not None and seq > feed.seq

    def heard(self, room: str, message: bytes) -> None:
        """An encoded `Update`, from whichever side. Old ones are ignored."""
        feed = self._feeds.get(room)
        if feed is None:
            return
        try:
            update: Update = codec.decode_told(message)
        except msgspec.MsgspecError as error:
            log.warning("update.unreadable", room=room, reason=str(error))
            return
        if update.seq <= feed.seq:
            if update.epoch > feed.epoch or (update.seq == feed.seq and update.epoch != feed.epoch):
                self._doubt(feed)  # Numbers that were shown are given again.
        elif update.room == room:
            self._next(feed, update)

    def told(self, rooms: RoomsAt) -> None:
        """Their actor says where rooms stand. One that has lost a room and does not know it says nothing new of it."""
        for at in rooms.rooms:
            feed = self._feeds.get(at.room)
            if feed is None or at.epoch < max(feed.epoch, self.presence.epoch(at.room) or 0):
                continue
            feed.known = max(feed.known, at.seq)
            if feed.seq < 0:
                continue
            self._placed_at(at.room, at.epoch)
            if at.seq > feed.seq:
                self._repair_soon(feed)
            elif at.seq == feed.seq and at.shown != feed.epoch:
                self._doubt(feed)

    def heard_presence(self, message: bytes) -> None:
        """Somebody came or went, in whichever room, of which those inside are told; or another server says something to
        all who follow it. It has no number, and may be lost."""
        try:
            said = _fleeting(message)
        except msgspec.MsgspecError as error:
            log.warning("presence.unreadable", reason=str(error))
            return
        feed = self._feeds.get(said.room)
        if feed is not None:
            frame = text_frame(msgspec.json.encode(said))
            for follower in feed.inside if isinstance(said, PresenceAt) else feed.followers:
                follower.socket.write(frame)

    def announce(self, service: str, text: str) -> None:
        """Tell all who follow a room."""
        for room, feed in self._feeds.items():
            frame = text_frame(msgspec.json.encode(AnnouncementAt(RoomId(room), service, text)))
            for follower in feed.followers:
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
        """The next number, if it goes on from what was shown. If not, one of the two is of a history that is gone."""
        if update.follows == feed.epoch:
            if update.epoch != feed.epoch:
                self._placed_at(feed.room, update.epoch)
            moved = self._shown(feed, update) if update.traceparent else feed.deliver(update)
            for follower in moved:
                self._stands(feed, follower)
            if moved or update.outside.patch:
                self.presence.people.changed(feed.room)
            whole = update.whole or (self._renewed and update.prior is not None)
            if whole and self._feeds.get(feed.room) is feed:
                self._begin_again(feed)
                return
        else:
            feed.doubtful = True
        if feed.doubtful:
            self._repair_soon(feed)

    def _shown(self, feed: Feed, update: Update) -> list[RoomFollower]:
        """As `Feed.deliver`, of a command that is traced: the span ends when the last socket has been written to."""
        if self._tracer is None:
            return feed.deliver(update)
        sockets = len(feed.inside) + len(feed.outside)
        span = self._tracer.span("edge.fan_out", update.traceparent, room=feed.room, seq=update.seq, sockets=sockets)
        try:
            return feed.deliver(update)
        finally:
            span.end()

    def _placed_at(self, room: RoomId, epoch: Epoch) -> None:
        """The room was seen to be at `epoch`. Where its actor was told at another, that one may not know of it yet: it
        would judge what it is asked by a state older than what is shown here, so nobody asks it any more."""
        if self.presence.epoch(room) not in (None, epoch):
            self.presence.moved(room, epoch)

    def _stands(self, feed: Feed, follower: RoomFollower) -> None:
        self.presence.stands(feed.room, follower.user, follower.has_part)

    def _doubt(self, feed: Feed) -> None:
        feed.doubtful = True
        self._repair_soon(feed)

    # Gaps

    def _repair_soon(self, feed: Feed) -> None:
        if feed.repair is None:
            feed.repair = self._loop.call_later(OVERTAKEN_S, self._repair_now, feed)

    def _repair_now(self, feed: Feed) -> None:
        if isinstance(feed.repair, asyncio.Task):
            return
        behind = feed.early or feed.known > feed.seq or any(follower.seq > feed.seq for follower in feed.ahead)
        feed.repair = self._start(self._repair(feed)) if behind or feed.doubtful else None

    async def _repair(self, feed: Feed) -> None:
        """Read from the log what is missing, up to its end, if it has what was shown; if not, that is given up."""
        try:
            read = PAGE
            while read >= PAGE and self._feeds.get(feed.room) is feed:
                shown = feed.shown
                rows = await self._database.rows("log_from", room_id=feed.room, seq=shown.seq, most=PAGE + 1)
                if not shown.is_in(rows):
                    if not rows and await self._database.row("removed", room_id=feed.room) is not None:
                        self._begin_again(feed)
                    else:
                        self._lose(feed, shown, rows)
                    return
                feed.doubtful = False
                while feed.strays:
                    feed.strays.pop().socket.start_over(feed.room)
                missed = shown.missed(feed.room, rows)
                read = len(missed)
                for update in missed:
                    self._next(feed, update)
            log.info("gap.repaired", room=feed.room, seq=feed.seq)
        except StorageUnavailable as error:
            log.warning("gap.not_repaired", room=feed.room, reason=str(error))
            self._loop.call_later(POLL_S, self._repair_again, feed)
        finally:
            feed.repair = None

    def _repair_again(self, feed: Feed) -> None:
        """The database was away, and nobody says a second time that something is missing."""
        if self._feeds.get(feed.room) is feed:
            self._repair_soon(feed)

    def _lose(self, feed: Feed, shown: Shown, rows: list[Row]) -> None:
        """The database went back: what everybody here was shown last is not in the log. They get whole views."""
        self.lost += 1
        stands = rows[0]["stands"] if rows else None
        log.warning("room.history_lost", room=feed.room, seq=shown.seq, epoch=shown.epoch, found=stands)
        self._begin_again(feed)

    def _begin_again(self, feed: Feed) -> None:
        """Everybody who follows the room asks for it anew: they are given whole views, or told that it is gone."""
        followers = feed.followers
        feed.empty_out()
        afresh = self._feeds[feed.room] = Feed(feed.room)
        for follower in followers:
            afresh.joining[follower] = []
            follower.socket.start_over(feed.room)

    async def _catch_up(self, feed: Feed, follower: RoomFollower) -> None:
        """A follower whose view is older than what the others have been sent: read them the difference."""
        feed.joining[follower] = []
        shown = Shown(follower.seq, follower.epoch)
        missed: list[Update] = []
        try:
            rows = await self._database.rows("log_from", room_id=feed.room, seq=shown.seq, most=PAGE + 1)
        except StorageUnavailable as error:
            log.warning("gap.not_repaired", room=feed.room, reason=str(error))
            await asyncio.sleep(POLL_S)
        else:
            if not shown.is_in(rows):
                follower.socket.start_over(feed.room)
                return
            missed = shown.missed(feed.room, rows)
        if follower not in feed.joining:
            return
        for update in missed:
            if follower.goes_on(update) and update.seq <= feed.seq:
                follower.catch_up(update)
        self.place(follower, feed.room, follower.seq, follower.epoch, follower.audience, has_part=follower.has_part)

    async def _poll(self, told_of: Callable[[RoomId], bool]) -> None:
        turns = PollTurns(lambda: list(self._feeds.values()), lambda feed: told_of(feed.room))
        while True:
            await asyncio.sleep(POLL_S)
            turns.look()
            await self._ask_after([*turns.untold(POLL_ROOMS), *turns.told(ASSURED)])
            while not self.redis_up and (more := turns.rest(POLL_ROOMS)):
                await self._ask_after(more)

    async def _ask_after(self, feeds: list[Feed]) -> None:
        """Whether any of these rooms has gone on without us, or back."""
        known = {feed.room: feed.shown for feed in feeds if feed.seq >= 0}
        if not known:
            return
        asked = [(feed.room, feed.seq, self._expected(feed)) for feed in feeds if feed.seq >= 0]
        try:
            rooms, seqs, epochs = (list(column) for column in zip(*asked, strict=True))
            found = await self._database.rows("behind", rooms=rooms, seqs=seqs, epochs=epochs)
        except StorageUnavailable:
            return
        for row in found:
            feed = self._feeds.get(row["room_id"])
            if feed is not None and feed.seq >= 0:
                self._found(feed, known[feed.room], row)

    def _expected(self, feed: Feed) -> Epoch:
        """The epoch at which nothing is to be done for a room that did not go on, -1 if there is none."""
        return feed.expected if self.presence.epoch(feed.room) in (None, feed.expected) else NO_EPOCH

    def _found(self, feed: Feed, shown: Shown, row: Row) -> None:
        """`row` of `behind`: where the room is, which was asked after with `shown` being the last that was shown."""
        if row["seq"] is None or row["seq"] < shown.seq or row["held"] not in (None, shown.epoch):
            self._doubt(feed)
            return
        feed.found(shown, Epoch(row["epoch"]))
        self._placed_at(feed.room, Epoch(row["epoch"]))
        feed.known = row["seq"]
        if feed.seq < feed.known or feed.doubtful:
            self._repair_soon(feed)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._repairs.add(task)
        task.add_done_callback(self._repairs.discard)
        return task
