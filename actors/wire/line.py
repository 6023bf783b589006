"""The line: one stream between an edge and a room actor, both ends.

Messages are MessagePack behind a four-byte length. All that one turn of the event loop has to say leaves in one
message, a list of (number, request) one way and of (number, answer) the other; while the actor has much to do
already, an edge gathers for a few milliseconds. An empty list is a beat, sent every 500 ms each way.

Before anything else both ends prove that they know the deployment's secret, and for which line: a port may belong to
somebody else by now, and whoever is there may hand on what one says to the other. So each proof covers the actor that
was meant, the edge, and a random number of each end. From then on every message is sealed with AES-256-GCM, under a
key of this line and this direction, its place in the order as the nonce: nobody reads one, and one that was changed,
left out, repeated or put elsewhere does not open, and cuts the line.

An actor tells edges that `Listen` where its rooms stand, as soon as they change (`actors/host/teller.py`): an edge need
not ask the database whether it has missed anything. Its hello says that it does; a release before says nothing there.
An edge that says which rooms it follows is told their updates themselves, with whatever else is said in that turn.

After that comes one byte, the version of what it takes (`VERSION`); a release before says nothing there either, and
one that comes later may say more, which is read by nobody.

    actor → edge    HELLO, the actor's number, TELLS or not, VERSION
    edge → actor    HELLO, the edge's number, how many proofs, a proof for each secret that the edge accepts, its id
    actor → edge    the actor's proof, by the secret of theirs that it accepts, its newest if it may be
"""

from __future__ import annotations

import asyncio
import hmac
from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from secrets import token_bytes
from typing import Any, Protocol, cast

import msgspec
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tavola.actors.wire.commands import RoomId, Seq
from tavola.actors.wire.errands import AnyAnswer, AnyRequest, Draw, Errand, Glimpse, MakeCheckpoint, Recall, Retrace
from tavola.actors.wire.messages import Answer, Committed, Listen, Request, RoomsAt, Submit, Told, UpdateTold
from tavola.config.keys import Purpose, Secrets, derive

log = structlog.get_logger()

BEAT_S = 0.5
HELLO_S = 2.0
UNANSWERED_S = 20.0
"""An actor that owes an answer for so long is as good as silent, whatever else it says. While storage is away it holds
requests, but not for as long as this."""
EDGE_SILENT_S = 10.0
"""A line on which an edge has said nothing for so long is cut by the actor."""
MESSAGE_LIMIT = 64 * 1024 * 1024
HELLO = Purpose.LINE.value
"""The first message of either end. A later version has another number; the first said nothing of the kind."""
HELLO_LIMIT = 1024
"""Bytes of a message from somebody who has proved nothing yet."""
NUMBER_BYTES = 16
TELLS = b"\1"
"""After the number of an actor that tells where its rooms stand."""
TELLS_NOT = b"\0"
VERSION = 3
"""Of the messages that an actor takes. 1: it says none, and takes none of what is newer."""
HANDS_OVER = 2
"""From this version on an actor takes `HandOver` and `Prepare`."""
DOES_ERRANDS = 3
"""From this version on it takes what is in `errands`."""
UNASKED = 0
"""The number of what is no answer, or has none."""
PROOF_BYTES = 32
NONCE_BYTES = 12
BUFFER_LIMIT = 64 * 1024 * 1024
"""Bytes that may wait to be written to the other end; more, and the line is cut."""
IN_FLIGHT_LIMIT = 20_000
"""Requests that may wait for an answer on one line; one more is refused."""
BUSY = 16
"""From so many requests in flight on, the next ones gather for `GATHER_S`: the actor is in the middle of a commit, and
they would wait there. One system call then carries many, at both ends."""
GATHER_S = 0.004
TOGETHER = 64
"""So many leave at once in any case."""

_encode = msgspec.msgpack.Encoder().encode
_decode_requests = msgspec.msgpack.Decoder(list[tuple[int, AnyRequest | Listen]]).decode
_decode_answers = msgspec.msgpack.Decoder(list[tuple[int, AnyAnswer | Told]]).decode
_BEAT = _encode([])


Seal = Callable[[bytes, bytes | bytearray, bytes | None], bytes]
"""Nonce, message, associated data → the other form of the message."""


class LineLost(Exception):
    """The line to `actor` is cut, or was never opened. A request that was made on it may have been done or not."""

    def __init__(self, actor: str, reason: str) -> None:
        super().__init__(f"line to {actor}: {reason}")
        self.actor, self.reason = actor, reason


class LineFull(Exception):
    """Too many requests wait on this line; this one was not sent."""


class _NotOurs(Exception):
    """A message came that the other end of this line would not send. `str` says why."""


class _Parties(msgspec.Struct, frozen=True, array_like=True):
    """The two ends of a line, and its two random numbers. Two ends that agree on this, and know the secret, are on the
    same line: its encoding goes into each proof and each key."""

    actor: str
    edge: str
    actors_number: bytes
    edges_number: bytes

    def proof(self, key: bytes, role: bytes) -> bytes:
        return hmac.digest(key, _encode((HELLO, role, self)), "sha256")

    def cipher(self, key: bytes, sender: bytes) -> AESGCM:
        """The key with which `sender` seals on this line, and nobody else anywhere."""
        return AESGCM(derive(key, _encode((HELLO, b"sealed by", sender, self))))


def _no_cipher(nonce: bytes, data: bytes | bytearray, associated: bytes | None) -> bytes:
    raise AssertionError("the line is not open")


def _said(message: bytes) -> bytes:
    """The part after HELLO, which begins with a number. Raises _NotOurs."""
    if not message.startswith(HELLO) or len(message) < len(HELLO) + NUMBER_BYTES:
        raise _NotOurs("speaks another version of the line")
    return message[len(HELLO) :]


class _End(asyncio.Protocol):
    """The part that both ends share: framing, gathering, beats, limits."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._gathered: list[tuple[int, Any]] = []
        self._loop = asyncio.get_running_loop()
        self._beat: asyncio.TimerHandle | None = None
        self._beat_due = 0.0
        self.heard_at = self._loop.time()
        self.open = False
        self._encrypt: Seal = _no_cipher
        self._decrypt: Seal = _no_cipher
        self._sent = self._taken = 0
        """Messages since the line is open: the nonces."""
        self.went_silent = False
        """It was cut because the other end said nothing any more."""

    @abstractmethod
    def _hello(self, message: bytes) -> None:
        """A message before the line is open."""

    @abstractmethod
    def _take(self, message: bytes) -> None:
        """A message on the open line."""

    @abstractmethod
    def _silent_s(self) -> float:
        """How long the other end may be silent."""

    @abstractmethod
    def _closed(self, reason: str) -> None:
        """The line is cut."""

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._beat_in(HELLO_S)

    def data_received(self, data: bytes) -> None:
        buffer = self._received
        buffer += data
        start, end = 0, len(buffer)
        while end - start >= 4 and self._transport is not None:
            size = int.from_bytes(buffer[start : start + 4], "big")
            if size > (MESSAGE_LIMIT if self.open else HELLO_LIMIT):
                self.cut("message too large")
                return
            if end - start - 4 < size:
                break
            message = buffer[start + 4 : start + 4 + size]
            start += 4 + size
            try:
                if self.open:
                    text = self._unsealed(message)
                    self.heard_at = self._loop.time()
                    self._take(text)
                else:
                    self._hello(bytes(message))
            except _NotOurs as error:
                self._refused(str(error))
                return
            except msgspec.MsgspecError as error:
                self.cut(f"not our messages: {error}")
                return
        if start:
            del buffer[:start]

    def connection_lost(self, error: Exception | None) -> None:
        self.cut(str(error) if error else "closed by the other end")

    # Sending

    def send(self, number: int, body: Any) -> None:
        """Sent with whatever else there is to say."""
        if not self._gathered:
            self._flush_soon()
        self._gathered.append((number, body))

    def _flush_soon(self) -> None:
        self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        gathered, self._gathered = self._gathered, []
        if self._transport is not None and gathered:
            try:
                message = _encode(gathered)
            except (OverflowError, TypeError, ValueError):
                message = _encode([each for each in gathered if self._can_be_said(*each)])
            self._write(message)

    def _can_be_said(self, number: int, body: Any) -> bool:
        """A message that cannot be encoded is lost alone, and not with all that leaves in that turn."""
        try:
            _encode(body)
        except (OverflowError, TypeError, ValueError):
            log.exception("line.not_said", kind=type(body).__name__)
            self._not_said(number)
            return False
        return True

    def _not_said(self, number: int) -> None:
        """The message of that number is lost."""

    def _write(self, message: bytes) -> None:
        """On an open line the message leaves sealed."""
        if self._transport is None:
            return
        if self.open:
            message = self._encrypt(self._sent.to_bytes(NONCE_BYTES, "big"), message, None)
            self._sent += 1
        self._transport.write(len(message).to_bytes(4, "big") + message)
        if self._transport.get_write_buffer_size() > BUFFER_LIMIT:
            self.cut("the other end does not read")

    def _unsealed(self, message: bytearray) -> bytes:
        """The message that the other end sealed, if this is what it sealed next. Raises _NotOurs."""
        try:
            text = self._decrypt(self._taken.to_bytes(NONCE_BYTES, "big"), message, None)
        except InvalidTag:
            raise _NotOurs("a message that the other end did not send, or not now") from None
        self._taken += 1
        return text

    def _opened(self, ours: AESGCM, theirs: AESGCM) -> None:
        """Both ends have proved who they are: from now on everything is sealed."""
        self._encrypt, self._decrypt = ours.encrypt, theirs.decrypt
        self.heard_at = self._loop.time()
        self.open = True
        self._beat_in(BEAT_S)

    def _refused(self, reason: str) -> None:
        """Somebody who is not the other end is there, or between. The operator wants to know."""
        log.warning("line.refused", reason=reason)
        self.cut(reason)

    def _beat_in(self, seconds: float) -> None:
        if self._beat is not None:
            self._beat.cancel()
        self._beat_due = self._loop.time() + seconds
        self._beat = self._loop.call_at(self._beat_due, self._on_beat)

    def _on_beat(self) -> None:
        now = self._loop.time()
        if not self.open:
            self.cut("no hello")
            return
        # Where we were held up ourselves, what the other end said waits unread: judge at the next beat.
        if now - self._beat_due < BEAT_S / 2 and now - self.heard_at > self._silent_s():
            self.went_silent = True
            self.cut(f"silent for {now - self.heard_at:.1f} s")
            return
        self._beat_in(BEAT_S)
        self._write(_BEAT)

    def cut(self, reason: str) -> None:
        """Close at once; both ends learn of it. Cutting twice is cutting once."""
        transport, self._transport = self._transport, None
        self.open = False
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        if transport is not None:
            transport.abort()
            self._closed(reason)


class Line(_End):
    """The edge's end. Ask many things at once; when the line is lost, each answer that is owed is `LineLost`."""

    def __init__(
        self, actor: str, secrets: Secrets, silent_s: float, edge: str, told: Callable[[Told], None] | None
    ) -> None:
        super().__init__()
        self.actor = actor
        self._told = told
        self.tells = False
        """The actor says by itself where its rooms stand, and is heard."""
        self.version = 1
        """Of the messages that the actor takes, by its hello."""
        self.edge = edge
        self.lost: asyncio.Future[str] = self._loop.create_future()
        """Done, with the reason, when the line is cut."""
        self._keys = secrets.keys(Purpose.LINE)
        self._silent = silent_s
        self._parties: _Parties | None = None
        """Once the actor has said its number."""
        self._numbered = 0
        self._owed: dict[int, Callable[[Any], None]] = {}
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._oldest, self._oldest_beats = 0, 0
        """The number of the request that was owed longest at the last beat, and at how many beats it was so."""

    @classmethod
    async def connect(
        cls,
        actor: str,
        address: str,
        secrets: Secrets,
        silent_s: float,
        edge: str = "",
        told: Callable[[Told], None] | None = None,
    ) -> Line:
        """Open a line to the actor of that name; `edge` is the id under which it knows who calls, if they have one.
        `told` is called with all that the actor says without being asked.

        Raises `LineLost` when it is not there, or is not that actor.
        """
        host, _, port = address.rpartition(":")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(min(HELLO_S, silent_s)):
                _, line = await loop.create_connection(
                    lambda: cls(actor, secrets, silent_s, edge, told), host, int(port)
                )
                try:
                    await line._ready
                except BaseException:
                    line.cut("not opened")
                    raise
        except (OSError, TimeoutError) as error:
            raise LineLost(actor, str(error) or "no answer") from error
        return line

    @property
    def owed(self) -> int:
        """Requests that wait for an answer."""
        return len(self._owed)

    def put(self, request: Request, answered: Callable[[Answer | LineLost], None]) -> None:
        """`answered` is called once, later. Raises `LineLost` or `LineFull` when it cannot be asked."""
        if not self.open:
            raise LineLost(self.actor, "closed")
        if len(self._owed) >= IN_FLIGHT_LIMIT:
            raise LineFull
        self._numbered += 1
        self._owed[self._numbered] = answered
        self.send(self._numbered, request)
        if len(self._gathered) == TOGETHER:
            self._flush()

    def ask(self, request: Request) -> asyncio.Future[Answer]:
        """As `put`, to be awaited; raises the same, and `LineLost` when the line is lost."""
        answer: asyncio.Future[Answer] = self._loop.create_future()

        def answered(got: Answer | LineLost) -> None:
            if answer.done():
                if isinstance(got, Committed) and got.update and isinstance(request, Submit):
                    # Nobody waits any more. The actor tells us of the update no other way.
                    self._hear(UpdateTold(request.room, got.update))
                return
            if isinstance(got, LineLost):
                answer.set_exception(got)
            else:
                answer.set_result(got)

        self.put(request, answered)
        return answer

    def errand(self, errand: Errand) -> asyncio.Future[AnyAnswer]:
        """As `ask`, of an actor whose hello says that it takes errands (`DOES_ERRANDS`)."""
        return cast(asyncio.Future[AnyAnswer], self.ask(cast(Request, errand)))

    def _flush_soon(self) -> None:
        if len(self._owed) > BUSY:
            self._loop.call_later(GATHER_S, self._flush)
        else:
            self._loop.call_soon(self._flush)

    def _hello(self, message: bytes) -> None:
        if self._parties is None:
            said = _said(message)
            told = said[NUMBER_BYTES:]
            self.tells = self._told is not None and told.startswith(TELLS)
            self.version = told[1] if len(told) > 1 else 1
            parties = self._parties = _Parties(self.actor, self.edge, said[:NUMBER_BYTES], token_bytes(NUMBER_BYTES))
            proofs = [parties.proof(key, b"edge") for key in self._keys]
            self._write(b"".join((HELLO, parties.edges_number, bytes([len(proofs)]), *proofs, self.edge.encode())))
            return
        for key in self._keys:
            if hmac.compare_digest(message, self._parties.proof(key, b"actor")):
                self._opened(self._parties.cipher(key, b"edge"), self._parties.cipher(key, b"actor"))
                if self.tells:
                    self.send(UNASKED, Listen())
                if not self._ready.done():
                    self._ready.set_result(None)
                return
        raise _NotOurs("another actor answers at that address")

    def _take(self, message: bytes) -> None:
        for number, answer in _decode_answers(message):
            answered = self._owed.pop(number, None)
            if isinstance(answer, RoomsAt | UpdateTold):
                self._hear(answer)
            elif answered is not None:
                self._tell(answered, answer)
        self._flush()

    def _not_said(self, number: int) -> None:
        answered = self._owed.pop(number, None)
        if answered is not None:
            self._tell(answered, LineLost(self.actor, "cannot be said"))

    def _hear(self, said: Told) -> None:
        try:
            if self._told is not None:
                self._told(said)
        except Exception:
            log.exception("line.answer_not_taken", actor=self.actor)

    def _tell(self, answered: Callable[[Any], None], answer: AnyAnswer | LineLost) -> None:
        """A fault in one answer is not the others' affair."""
        try:
            answered(answer)
        except Exception:
            log.exception("line.answer_not_taken", actor=self.actor)

    def _silent_s(self) -> float:
        return self._silent

    def _on_beat(self) -> None:
        if self._owes_for_too_long():
            self.went_silent = True
            self.cut(f"no answer for {UNANSWERED_S:.0f} s")
        else:
            super()._on_beat()

    def _owes_for_too_long(self) -> bool:
        """Counted in beats: where we were held up ourselves, answers wait unread."""
        oldest = next(iter(self._owed), 0)
        self._oldest_beats = self._oldest_beats + 1 if oldest and oldest == self._oldest else 0
        self._oldest = oldest
        return self._oldest_beats * BEAT_S > UNANSWERED_S

    def _closed(self, reason: str) -> None:
        self.lost.set_result(reason)
        if not self._ready.done():
            self._ready.set_exception(LineLost(self.actor, reason))
        owed, self._owed = self._owed, {}
        for answered in owed.values():
            self._tell(answered, LineLost(self.actor, reason))


class _ActorEnd(_End):
    """The actor's end of one line."""

    def __init__(self, server: LineServer) -> None:
        super().__init__()
        self._server = server
        self._number = token_bytes(NUMBER_BYTES)
        self.edge = ""
        self._listens = False
        self.shown: dict[RoomId, Seq] = {}
        """The last updates that went out here, lately: of these its edge need not be told."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._server.ends.add(self)
        tells = TELLS if self._server.teller is not None else TELLS_NOT
        self._write(HELLO + self._number + tells + bytes([VERSION if self._server.errand is not None else HANDS_OVER]))

    def _hello(self, message: bytes) -> None:
        said = _said(message)
        number, count, rest = said[:NUMBER_BYTES], said[NUMBER_BYTES : NUMBER_BYTES + 1], said[NUMBER_BYTES + 1 :]
        size = PROOF_BYTES * int.from_bytes(count, "big")
        proofs = [rest[at : at + PROOF_BYTES] for at in range(0, size, PROOF_BYTES)]
        try:
            parties = _Parties(self._server.name, rest[size:].decode(), self._number, number)
        except UnicodeDecodeError:
            raise _NotOurs("is no edge") from None
        for key in self._server.keys:
            expected = parties.proof(key, b"edge")
            if any(hmac.compare_digest(proof, expected) for proof in proofs):
                self.edge = parties.edge
                self._write(parties.proof(key, b"actor"))
                self._opened(parties.cipher(key, b"actor"), parties.cipher(key, b"edge"))
                return
        raise _NotOurs("does not know the secret, or means another actor")

    def _take(self, message: bytes) -> None:
        for number, request in _decode_requests(message):
            if isinstance(request, Listen):
                self._listen()
            elif self._listens and isinstance(request, Submit):
                self._server.handle(request, partial(self._answer, number, request))
            elif isinstance(request, Draw | Glimpse | MakeCheckpoint | Retrace | Recall):
                if self._server.errand is not None:
                    self.send(number, self._server.errand(request))
            else:
                self._server.handle(request, partial(self.send, number))

    def _listen(self) -> None:
        if self._server.teller is not None and not self._listens:
            self._listens = True
            self._server.teller.listens(self)

    def _answer(self, number: int, request: Submit, answer: Answer) -> None:
        self.send(number, answer)
        if isinstance(answer, Committed) and answer.update:
            self.shown[request.room] = answer.seq

    def tell(self, rooms: RoomsAt) -> None:
        """Say where rooms stand, with whatever else there is to say."""
        self.send(UNASKED, rooms)

    def show(self, room: RoomId, seq: Seq, update: bytes) -> None:
        """Tell of an update, unless it went out here already."""
        if self.shown.get(room) != seq:
            self.send(UNASKED, UpdateTold(room, update))
            self.shown[room] = seq

    def _on_beat(self) -> None:
        self.shown.clear()
        super()._on_beat()

    def _silent_s(self) -> float:
        return EDGE_SILENT_S

    def _closed(self, reason: str) -> None:
        self._server.ends.discard(self)
        if self._listens and self._server.teller is not None:
            self._server.teller.left(self)
        if self.edge and all(end.edge != self.edge for end in self._server.ends):
            self._server.lost(self.edge)


class ListeningLine(Protocol):
    """A line whose edge listens."""

    @property
    def shown(self) -> dict[RoomId, Seq]:
        """The last updates that its edge was given, lately."""

    edge: str
    """The id of its edge."""

    def tell(self, rooms: RoomsAt) -> None: ...

    def show(self, room: RoomId, seq: Seq, update: bytes) -> None:
        """Tell of an update, unless its edge was given it with an answer."""


class RoomTeller(Protocol):
    """The actor's part in telling where its rooms stand."""

    def listens(self, line: ListeningLine) -> None:
        """From now on tell it, until it has `left`."""

    def left(self, line: ListeningLine) -> None: ...


class LineServer:
    """Where an actor listens. `handle(request, reply)` is called for each request, in the order in which they came, and
    `lost(edge)` when the last line of an edge is cut. Without a `teller` nobody is told where rooms stand, and without
    `errand` none is done here."""

    def __init__(
        self,
        name: str,
        secrets: Secrets,
        handle: Callable[[Request, Callable[[Answer], None]], None],
        lost: Callable[[str], None],
        teller: RoomTeller | None = None,
        errand: Callable[[Errand], AnyAnswer] | None = None,
    ) -> None:
        self.name = name
        self.teller = teller
        self.keys = secrets.keys(Purpose.LINE)
        self.handle = handle
        self.errand = errand
        self.lost = lost
        self.ends: set[_ActorEnd] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str) -> str:
        """Listen on a free port of `host`; returns the address."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _ActorEnd(self), host, 0)
        return "{}:{}".format(*self._server.sockets[0].getsockname()[:2])

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for end in list(self.ends):
            end.cut("the actor stops")
