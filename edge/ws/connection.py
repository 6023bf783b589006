"""One client's connection: authenticated first, then commands in and updates out. Frames as protocol.md says."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import count
from typing import Any, Protocol, cast

import msgspec
import structlog

from tavola.actors.wire.commands import (
    CLIENT_COMMANDS,
    Act,
    Chat,
    ClientCommand,
    Epoch,
    RollBack,
    RoomId,
    Sender,
    UserId,
)
from tavola.actors.wire.errands import AskErrand
from tavola.actors.wire.messages import Answer, Committed, Refusal, Submit
from tavola.actors.wire.refusals import (
    ANOTHER_USER,
    ELSEWHERE,
    NO_SERVER,
    STORAGE_AWAY,
    TOKEN_EXPIRED,
    TOKEN_INVALID,
    TOO_MANY_MESSAGES,
    TOO_MUCH,
    UNAUTHENTICATED,
)
from tavola.config.clock import now_ms
from tavola.config.limits import SILENT_MS
from tavola.edge.common.guesses import Guesses
from tavola.edge.common.limits import NO_LIMITS, Bucket, Limits, PerMinute, Rates
from tavola.edge.common.metrics import Metrics
from tavola.edge.common.queues import EdgeQueues, PoolState
from tavola.edge.common.sampling import CommandTrace, Sampling
from tavola.edge.identity.auth import Identity
from tavola.edge.identity.authenticator import Authenticator
from tavola.edge.identity.issued_tokens import IssuedTokens
from tavola.edge.identity.reconnection import Membership, ReconnectionTokens
from tavola.edge.identity.standing_orders import StandingOrders
from tavola.edge.people.manager import ConnectionManager
from tavola.edge.routing.catalogue import Catalogue
from tavola.edge.routing.errands import Errands
from tavola.edge.routing.persistence import PersistenceWatch
from tavola.edge.routing.router import Router
from tavola.edge.routing.unreadable import UnreadableCount
from tavola.edge.routing.view_lookup import ViewLookup
from tavola.edge.ws import protocol
from tavola.edge.ws.authenticate import RECHECK_S, Arrived, arrive, arrived
from tavola.edge.ws.fanout import Fanout
from tavola.edge.ws.following import Following
from tavola.edge.ws.gap_reader import GapReader
from tavola.edge.ws.history import Held
from tavola.edge.ws.websocket import text_frame
from tavola.storage.postgres import Database

log = structlog.get_logger()

OUTBOX_LIMIT = 1024 * 1024
"""Bytes that may wait for a client to read; more, and it is closed with 4503 to come back with `after`."""
BEHIND_LIMIT = 256 * 1024
"""Bytes that may wait behind an `authenticate` that is being looked into; more are refused `rate_limited`."""
FIRST_RATE, FIRST_BURST = 20.0, 200.0
"""Frames a second, and at once, from a socket that has not said whose it is, pings and parts of messages among them.
Beyond, a message is refused `rate_limited` and any other frame has no answer. Then it is `Limits.frames_per_second`,
and twice as many at once."""
REFUSALS, FLOOD = 20.0, 1000.0
"""Frames beyond its rate that a socket is given: so many a second, so many at once; beyond, it is closed with 4429."""
CHANGE_RATE, CHANGE_BURST = 5.0, 100.0
"""The requests that one user may make of one room in a second, and at once, moves apart (they have the turn): whatever
comes of them is kept, and sent to everybody there."""
ANY_NUMBER = 1e9
"""A rate that no socket reaches, where a deployment wants none."""
SOCKETS_A_USER = 8
FIRST_FRAME_S = 10.0
SILENT_S = SILENT_MS / 1000
OUTLIVES_S = 60.0
"""How much longer than its identity a socket lives, for the client to renew it."""
_numbers = count(1)


class Transport(Protocol):
    """The writer of a connection's frames; `edge.ws.websocket.DirectWebSocket` is one."""

    @property
    def unsent(self) -> int: ...

    def write(self, frames: bytes) -> None: ...

    def close(self, code: int, reason: str) -> None: ...


class Services:
    """The parts that every connection of an edge works with."""

    def __init__(
        self,
        who: Authenticator,
        returns: ReconnectionTokens,
        router: Router,
        fanout: Fanout,
        database: Database,
        limits: Limits = NO_LIMITS,
        orders: StandingOrders | None = None,
        sampling: Sampling | None = None,
    ) -> None:
        """Without `orders` there are none, and without `sampling` nothing is traced."""
        self.who = who
        self.returns = returns
        self.router = router
        self.fanout = fanout
        self.database = database
        self.sampling = sampling
        self.orders = orders or StandingOrders(database)
        self.gaps = GapReader(database)
        self.unreadable = UnreadableCount(database)
        self.persistence = PersistenceWatch(database, now_ms)
        self.errand: AskErrand = Errands(router).ask
        self.looking = ViewLookup(router, database, self.errand)
        self.catalogue = Catalogue(database)
        self.connections: set[Connection] = set()
        self.people: ConnectionManager[Connection] = fanout.presence.people
        self.guesses = Guesses()
        self._frames_per_second = limits.frames_per_second
        self._changes = Rates(CHANGE_RATE, CHANGE_BURST)
        self._rousing = PerMinute(limits.rooms_opened_per_minute)
        self.metrics = Metrics(
            lambda: len(self.connections),
            lambda: len(fanout.rooms()),
            lambda: fanout.lost,
            lambda: fanout.not_opened,
            lambda: self.unreadable.rooms,
            lambda: fanout.links,
            self.persistence.told,
            lambda: self.persistence.events,
            sampling.tracer.counts.by_outcome if sampling is not None else dict,
            self._queues,
        )

    def _queues(self) -> EdgeQueues:
        unread = [each.unread for each in self.connections]
        pool = PoolState(*self.database.health)
        return EdgeQueues(self.router.waiting, sum(unread), max(unread, default=0), pool)

    def frames(self, now: float) -> Bucket:
        """The rate of a socket that has said whose it is."""
        rate = self._frames_per_second or ANY_NUMBER
        return Bucket(rate, 2 * rate, now)

    def too_much(self, user: UserId, command: ClientCommand | RollBack) -> Refusal | None:
        """A refusal for who keeps a room busy, over however many sockets and requests; or has more rooms started than
        anybody plays in."""
        if type(command) is Chat and (muted := self.orders.muted(user)) is not None:
            return muted
        moves, reached = type(command) is Act, self.router.reaches(RoomId(command.room))
        if moves and reached:
            return None
        now = asyncio.get_running_loop().time()
        if not moves and not self._changes.take(f"{user} {command.room}", now):
            return TOO_MUCH
        if not reached and not self._rousing.take(user, now):
            return Refusal("rate_limited", "You have had too many rooms started.", None, self._rousing.again_after_ms)
        return None

    async def sweep(self) -> None:
        """Close who does not say who they are, and who says nothing any more; until cancelled."""
        while True:
            await asyncio.sleep(1.0)
            now = asyncio.get_running_loop().time()
            for connection in list(self.connections):
                connection.expire(now)


class Connection:
    """One socket. Messages come in through `message`, in order; nothing here waits for a slow client."""

    def __init__(self, transport: Transport, services: Services, cookie: str | None = None, address: str = "") -> None:
        """`cookie` is the session's, if the handshake brought it, which came from `address`."""
        self.id = str(next(_numbers))
        self._transport = transport
        self._services = services
        self._cookie = cookie
        self.address = address
        self._loop = asyncio.get_running_loop()
        self._identity: Identity | None = None
        self._only: set[RoomId] | None = None
        """The rooms that it is confined to, having come with their tokens alone."""
        self._until = math.inf
        """When, on the loop's clock, its identity must have been renewed."""
        self._by_cookie = False
        self.sender = Sender(UserId(""), "")
        self.keyring = IssuedTokens(services.returns.tokens, services.returns.now)
        self._following = Following(
            self, services.looking, services.fanout, services.gaps, services.returns, services.guesses
        )
        self._codes = self._following.codes
        self._seen: dict[str, Held] = {}
        """The state of rooms that the client said it has, when it authenticated."""
        self._bucket = Bucket(FIRST_RATE, FIRST_BURST, self._loop.time())
        self._patience = Bucket(REFUSALS, FLOOD, self._loop.time())
        self._slow = self._sent_away = False
        self._held: list[bytes] | None = None
        """Frames that leave together, while they are being gathered."""
        self._behind: deque[bytes] | None = None
        """Messages that came after an `authenticate` which is being looked into; None when there is none."""
        self._bytes_behind = 0
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
                self.send(protocol.error(TOO_MANY_MESSAGES, *protocol.whose(data[: protocol.FRAME_LIMIT])))
            else:
                self._transport.close(4429, "flooding")
            return
        if len(data) > protocol.FRAME_LIMIT:
            self.send(protocol.error(Refusal("message_too_large", "A message has at most 32 KiB.")))
            return
        if self._behind is None:
            self._take(data)
        elif self._bytes_behind + len(data) <= BEHIND_LIMIT:
            self._behind.append(data)
            self._bytes_behind += len(data)
        else:
            self.send(protocol.error(TOO_MANY_MESSAGES, *protocol.whose(data)))

    def aside(self) -> bool:
        """Any other frame from the client. It says nothing, so it does not keep the socket open."""
        now = self._loop.time()
        if self._bucket.take(now):
            return True
        if not self._patience.take(now):
            self._transport.close(4429, "flooding")
        return False

    def _take(self, data: bytes) -> None:
        frame = protocol.decode(data)
        if type(frame) in CLIENT_COMMANDS and self._identity is not None and self._only is None:
            self._command(cast(ClientCommand, frame), data)  # nearly all there is: without the questions below
            return
        match frame:
            case protocol.Bad():
                self.send(protocol.error(frame.no, frame.id, frame.room))
                if self._identity is None:
                    self._transport.close(4400, "the first frame must be authenticate")
            case protocol.Authenticate():
                self._authenticate(frame)
            case _ if self._identity is None:
                self.send(protocol.error(UNAUTHENTICATED, getattr(frame, "id", None), getattr(frame, "room", None)))
                self._transport.close(4401, "the first frame must be authenticate")
            case protocol.Heartbeat():
                seat_tokens = self.keyring.renewed(self.sender.user)
                self.send(protocol.heartbeat_ack(self._services.returns.now(), seat_tokens))
            case protocol.LeaveRoom():
                self._following.leave(RoomId(frame.room))
                self.send(protocol.left(frame.room))
            case _ if self._only is not None and frame.room not in self._only:
                self.send(protocol.error(ELSEWHERE, getattr(frame, "id", None), frame.room))
            case protocol.JoinRoom():
                told = self._seen.pop(frame.room, None)
                held = told if frame.after is None else Held(frame.after, frame.epoch)
                self._following.follow(RoomId(frame.room), held, code=frame.code)
            case protocol.Resync():
                self._following.follow(RoomId(frame.room), Held(frame.after, frame.epoch))
            case command:
                self._command(command, data)

    def _command(self, command: ClientCommand, data: bytes) -> None:
        """`data` is the frame that it came in."""
        sender, router, room = self.sender, self._services.router, cast(RoomId, command.room)
        code = self._codes.get(room, "")
        answered: Callable[[Answer], None] = partial(self._answered, command, self._heard_at)
        within, trace = "", None
        if (sampling := self._services.sampling) is not None:
            trace = sampling.begin("edge.frame", command, protocol.traceparent(data))
            if trace is not None:
                within, answered = trace.sent(), partial(self._answered_traced, trace, answered)

        def submit(epoch: Epoch) -> Submit:
            return Submit(epoch, sender, command, code, within)

        if type(command) is Act and router.send_at_once(room, submit, answered):
            return  # nothing is too much of it: moves have the turn
        if (no := self._services.too_much(sender.user, command)) is not None:
            self.send(protocol.error(no, command.id, room))
            if trace is not None:
                trace.answered(no)
                trace.shown(no)
        else:
            router.send(room, submit, answered)

    def gone(self) -> None:
        """The connection is closed."""
        self._services.connections.discard(self)
        self._following.end(elsewhere=self._sent_away)
        if self._identity is not None:
            self._services.people.disconnect(self._identity.user, self)
        for task in self._tasks:
            task.cancel()
        if not self.closed.done():
            self.closed.set_result(None)

    @property
    def unread(self) -> int:
        """Bytes that the client has not read, if it has been slow."""
        return self._transport.unsent

    def expire(self, now: float) -> None:
        """Close if the client has been silent for too long, or is no longer who they were."""
        silent = now - self._heard_at
        if self._identity is None and silent > FIRST_FRAME_S:
            self.send(protocol.error(UNAUTHENTICATED))
            self._transport.close(4401, "not authenticated in time")
        elif silent > SILENT_S:
            self._transport.close(4408, "no heartbeat")
        elif now > self._until:
            self._until = math.inf
            if self._by_cookie:
                self.start(self._recheck())
            else:
                self._turn_away(TOKEN_EXPIRED)

    def signed_out(self, at: int) -> None:
        """Its user signed out everywhere, at that moment (ms): close, unless they have signed in again since."""
        if self._identity is not None and self._identity.issued_at <= at:
            self._turn_away(TOKEN_INVALID)

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
            log.info("socket.slow_consumer", user=self.sender.user)
            self._loop.call_soon(self._transport.close, 4503, "could not keep up")

    def send(self, payload: bytes) -> None:
        self.write(text_frame(payload))

    def given(self, room: RoomId, grant: str) -> bytes:
        """The members that an `update` has besides for a user who is given `grant` by it."""
        return self.keyring.beside(room, self.sender.user, grant)

    def start_over(self, room: RoomId) -> None:
        """The updates that were sent of the room are none of its history."""
        self._following.start_over(room)

    def put_out(self) -> None:
        """The user was put out of a room that this socket follows: closed, once what was written is on its way."""
        self._loop.call_soon(self._transport.close, 4403, "put out of the room")

    def keep_out(self, no: Refusal) -> None:
        """Its user, or anybody from its address, is not to come in: closed, once what was written is on its way."""
        self.send(protocol.error(no))
        self._loop.call_soon(self._transport.close, 4403, no.code)

    def drain(self, reason: str, reconnect_after_ms: int) -> None:
        """Say goodbye: the edge can serve nobody any more."""
        self._sent_away = True
        self.send(protocol.closing(reason, reconnect_after_ms))
        self._transport.close(1012, reason)

    # Identity

    def _authenticate(self, frame: protocol.Authenticate) -> None:
        """Tokens of our own are read at once; for anything else what comes behind waits."""
        if frame.token is not None:
            found = self._services.who.identities.verify(frame.token)
            if found is not TOKEN_INVALID:
                self._arrived(frame, found if isinstance(found, Refusal) else arrived(found))
                return
        self._behind, self._bytes_behind = deque(), 0
        self.start(self._arrive(frame))

    async def _arrive(self, frame: protocol.Authenticate) -> None:
        services = self._services
        found = await arrive(frame, self._cookie, services.who, services.returns, services.returns.now())
        behind, self._behind = self._behind or deque(), None
        self._arrived(frame, found)
        while behind and not self.closed.done():
            self._take(behind.popleft())
            if self._behind is not None:
                # One of them was another `authenticate`: the rest waits for that.
                self._behind.extend(behind)
                self._bytes_behind = sum(map(len, behind))
                return

    def _arrived(self, frame: protocol.Authenticate, found: Arrived | Refusal) -> None:
        if isinstance(found, Refusal):
            self._turn_away(found)
            return
        user = found.identity.user
        if (no := self._services.orders.kept_out(user, self.address)) is not None:
            self.keep_out(no)
            return
        if self._identity is not None and self._identity.user != user:
            self.send(protocol.error(ANOTHER_USER))
            return
        people = self._services.people
        if self._identity is None and people.sockets_held(user) >= SOCKETS_A_USER:
            self._transport.close(4409, "too many sockets")
            return
        people.connect(user, self)
        part = found.part
        # A room's token neither confines nor prolongs what is known by better means.
        if part is None or self._identity is None or self._only is not None:
            if self._identity is None:
                self._bucket = self._services.frames(self._loop.time())
            self._only = None if part is None else {part.room, *(self._only or ())}
            self._identity, self.sender = found.identity, Sender(user, found.identity.name)
            self._by_cookie = part is None and frame.token is None
            self._until = self._loop.time() + found.lasts_s + (0.0 if self._by_cookie else OUTLIVES_S)
        self._seen = {room: Held(seq, frame.epochs.get(room)) for room, seq in frame.after.items()}
        self.send(protocol.authenticated(_welcome(found.identity, part, self._services.returns.now())))
        if part is not None:
            self.keyring.take(part)
            self._following.follow(part.room, self._seen.pop(part.room, None), part)

    def _turn_away(self, no: Refusal) -> None:
        """The credentials that the socket came with are no good, or cannot be looked into."""
        self.send(protocol.error(no))
        if no.code != STORAGE_AWAY.code:
            self._transport.close(4401, no.code)
        elif self._identity is None:
            self._transport.close(1013, no.code)

    async def _recheck(self) -> None:
        """Whether the session that this socket came with is still there."""
        found = await arrive(protocol.Authenticate(), self._cookie, self._services.who, self._services.returns, 0)
        if not self._by_cookie:
            return
        if isinstance(found, Refusal) and found.code != STORAGE_AWAY.code:
            self._turn_away(TOKEN_EXPIRED)
        else:
            self._until = self._loop.time() + RECHECK_S

    # Commands

    def _answered(self, command: ClientCommand, since: float, answer: Answer) -> None:
        self._services.metrics.answered(command, answer, self._loop.time() - since)
        id, room = command.id, RoomId(command.room)
        if isinstance(answer, Committed):
            held: list[bytes] = []
            self._held = held
            try:
                if answer.update:
                    self._services.fanout.heard(room, answer.update)
                told = self.keyring.answer(room, self.sender.user, answer.give.read())
                self.send(protocol.ack(id, room, answer.seq, told, unchanged=answer.give.unchanged))
            finally:
                self._held = None
                self.write(b"".join(held))
        else:
            self.send(protocol.error(answer if isinstance(answer, Refusal) else NO_SERVER, id, room))

    def _answered_traced(self, trace: CommandTrace, answered: Callable[[Answer], None], answer: Answer) -> None:
        trace.answered(answer)
        try:
            answered(answer)
        finally:
            trace.shown(answer)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Have `work` done while the socket is open."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("socket.work_failed", user=self.sender.user, exc_info=error)
            self._transport.close(1011, "something went wrong here")


def _welcome(identity: Identity, part: Membership | None, now: int) -> protocol.Welcome:
    known = protocol.Welcome(
        user_id=identity.user, display_name=identity.name, expires_at=identity.expires_at * 1000, server_time=now
    )
    if part is None:
        return known
    there = {name: getattr(part, name) for name in ("room", "role", "is_host", "seat_index")}
    return msgspec.structs.replace(known, **there, rejoin_token=part.rejoin_token, seat_token=part.seat_token)
