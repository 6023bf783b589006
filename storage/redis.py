"""Redis as a wake-up: one link that publishes, one that subscribes. Both come back by themselves; both may lose.

Redis is never the truth: whoever misses a message finds the gap in the log. So nothing here waits for Redis, and
nothing raises because it is away. Nor is what it says believed: messages are sealed (storage/sealing.py), and what
does not open is counted and ignored. The protocol is RESP, read with hiredis; a message costs a few microseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, cast

import hiredis
import structlog

from tavola.storage.redis_address import RedisAddress
from tavola.storage.sealing import NotOpened, Opener, Sealer, numbers

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 2.0
RETRY_S, RETRY_MOST_S = 0.1, 1.0
"""The time before a link that could not be made is tried again: at first, and after several times; half of it is by
lot, so that a Redis that comes back is not asked by all edges and actors at once."""
PING_S = 1.0
SILENT_S = 3.0
BUFFER_LIMIT = 16 * 1024 * 1024
"""Bytes that may wait for a Redis that does not read; what comes beyond is dropped (edges find the gap)."""
BEHIND = 1024 * 1024
"""Bytes that may wait for it before whoever has much to write waits too."""


PRESENCE_CHANNEL = "presence:updates"


def room_channel(room: str) -> str:
    return f"room:{room}"


def command(*words: str | bytes) -> bytes:
    packed: bytes = hiredis.pack_command(cast(Any, words))
    return packed


def publish_command(channel: str, message: bytes) -> bytes:
    name = channel.encode()
    return b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(name), name, len(message), message)


SPEAK, HUSH = command("CLIENT", "REPLY", "ON"), command("CLIENT", "REPLY", "OFF")
"""All that comes after is answered, beginning with this itself; nothing that comes after is."""


class RedisStream(asyncio.Protocol):
    """One connection: what is written goes out in the event loop's next turn, together. Each message that comes in
    goes to `take`."""

    def __init__(self, take: Callable[[Any], None]) -> None:
        self._take = take
        self._reader = hiredis.Reader()
        self._gathered: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self.heard_at = self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._loop.time()
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            self._take(reply)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if not self.lost.done():
            self.lost.set_result(None)

    def write(self, message: bytes) -> bool:
        """Whether it was taken; it may be lost all the same."""
        if self._transport is None or self._transport.get_write_buffer_size() > BUFFER_LIMIT:
            return False
        if not self._gathered:
            self._loop.call_soon(self.flush)
        self._gathered.append(message)
        return True

    @property
    def unsent(self) -> int:
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    @property
    def behind(self) -> bool:
        return self.unsent > BEHIND

    def flush(self) -> None:
        """Have what was written on its way now."""
        gathered, self._gathered = self._gathered, []
        if self._transport is not None and gathered:
            self._transport.write(b"".join(gathered))

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class LinkHealth(NamedTuple):
    """Whether a link is up, how often it was lost, how many messages were dropped for want of it, and how many bytes
    Redis has not read yet."""

    up: bool
    lost: int
    dropped: int
    unsent: int


class RedisLink:
    """A connection to the Redis of `url` that `run` keeps up."""

    ping_s = PING_S

    def __init__(self, url: str, purpose: str) -> None:
        self._address = RedisAddress(url)
        self._purpose = purpose
        self._stream: RedisStream | None = None
        self._lost = 0
        self.dropped = 0
        """Messages that were not written: Redis was away, or did not read."""

    @property
    def up(self) -> bool:
        return self._stream is not None

    @property
    def health(self) -> LinkHealth:
        return LinkHealth(self.up, self._lost, self.dropped, self._stream.unsent if self._stream is not None else 0)

    async def run(self) -> None:
        """Connect, again and again, until cancelled."""
        failed = 0
        while True:
            try:
                stream = await self._connect()
            except (OSError, TimeoutError, hiredis.HiredisError) as error:
                if not failed:
                    log.warning("redis.away", link=self._purpose, reason=str(error) or type(error).__name__)
                wait_s = min(RETRY_MOST_S, RETRY_S * 1.5**failed)
                failed += 1
                await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))
                continue
            log.info("redis.up", link=self._purpose)
            failed = 0
            self._stream = stream
            try:
                self._connected(stream)
                await self._watch(stream)
            finally:
                self._stream = None
                stream.abort()
            self._lost += 1
            log.warning("redis.lost", link=self._purpose)

    async def _watch(self, stream: RedisStream) -> None:
        """Until the connection is lost, or nothing is heard of it any more."""
        loop = asyncio.get_running_loop()
        while not stream.lost.done() and loop.time() - stream.heard_at < SILENT_S:
            stream.write(self._alive())
            await asyncio.wait([stream.lost], timeout=self.ping_s)

    async def _connect(self) -> RedisStream:
        replies: asyncio.Queue[Any] = asyncio.Queue()

        def make() -> RedisStream:
            stream = RedisStream(replies.put_nowait)
            stream.lost.add_done_callback(lambda _: replies.put_nowait(ConnectionResetError("closed while greeting")))
            return stream

        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            stream = await self._address.connect(make)
            try:
                for words in self._greeting:
                    stream.write(command(*words))
                    reply = await replies.get()
                    if isinstance(reply, Exception):
                        raise reply
                    self._check(reply)
                await self._greeted(stream, replies)
            except BaseException:
                stream.abort()
                raise
        stream._take = self._take
        return stream

    @property
    def _greeting(self) -> list[list[str]]:
        """With Sentinels the server is asked for its part: one that was the master may not know yet that it is not."""
        return [*self._address.greeting, *([["ROLE"]] if self._address.master else [])]

    @staticmethod
    def _check(reply: Any) -> None:
        """Raises `OSError` if the answer to `ROLE` is that of a replica."""
        if isinstance(reply, list) and reply and reply[0] != b"master":
            raise ConnectionRefusedError("is a replica, and no master")

    async def _greeted(self, stream: RedisStream, replies: asyncio.Queue[Any]) -> None:
        """The server is the one that is meant: settle with it whatever else there is to settle."""

    def _connected(self, stream: RedisStream) -> None:
        """Called on each new connection."""

    def _alive(self) -> bytes:
        """Something that a server that lives answers. It is asked every `ping_s`."""
        return command("PING")

    def _take(self, reply: Any) -> None:
        """Called with each reply."""
        if isinstance(reply, hiredis.ReplyError):
            log.error("redis.refused", link=self._purpose, reason=str(reply))


class RedisPublisher(RedisLink):
    """Publishes a room's updates, and who is there, sealed. With Redis away a message is dropped.

    A Redis that can be told so (`CLIENT REPLY`) does not answer what is published: each answer would wake this process
    for nothing. It answers once in `PING_S`, and so to the message that comes next: that shows whether it lives, and
    whether it refuses what it is sent.
    """

    def __init__(self, url: str, sealer: Sealer) -> None:
        super().__init__(url, "publish")
        self._sealer = sealer
        self._hushes = self._answers = False
        """Whether this Redis can be told not to answer, and whether it answers just now."""

    def publish(self, room: str, epoch: int, seq: int, message: bytes) -> None:
        self._publish(room_channel(room), message, epoch, seq)

    def publish_presence(self, message: bytes) -> None:
        self._publish(PRESENCE_CHANNEL, message)

    def _publish(self, channel: str, message: bytes, epoch: int = 0, seq: int = 0) -> None:
        stream = self._stream
        if stream is None or not stream.write(
            publish_command(channel, self._sealer.seal(channel, message, epoch, seq))
        ):
            self.dropped += 1
        elif self._answers:
            self._answers = False
            stream.write(HUSH)

    async def _greeted(self, stream: RedisStream, replies: asyncio.Queue[Any]) -> None:
        stream.write(SPEAK)
        reply = await replies.get()
        if isinstance(reply, OSError):
            raise reply
        self._hushes = self._answers = not isinstance(reply, Exception)

    def _alive(self) -> bytes:
        self._answers = self._hushes
        return SPEAK if self._hushes else super()._alive()

    def flush(self) -> None:
        """Have what was published on its way now, and not only soon."""
        if self._stream is not None:
            self._stream.flush()


class Listener(Protocol):
    """The receiver of what a subscriber hears, as it was before it was sealed."""

    def wanted(self, room: str, seq: int) -> bool:
        """Whether that update would be news. To open what is not is spared."""

    def heard(self, room: str, message: bytes) -> None:
        """Something was published in the room."""

    def heard_presence(self, message: bytes) -> None:
        """Something was published of anybody's presence, in whichever room."""


class Subscriber(RedisLink):
    """Hears rooms, for its listener; `follow` before you read what you follow."""

    def __init__(self, url: str, opener: Opener, listener: Listener) -> None:
        super().__init__(url, "subscribe")
        self._opener = opener
        self._listener = listener
        self._followed: dict[str, asyncio.Future[None]] = {}
        self._news: list[tuple[str, bytes]] = []
        """Heard in this turn of the loop, still sealed."""
        self.not_opened = 0
        """Messages that nobody of ours has sealed, or not for that channel: somebody else writes to Redis."""

    async def follow(self, room: str, within_s: float = 0.25) -> None:
        """On return messages of the room are heard, unless Redis is away."""
        asked = self._followed.get(room)
        if asked is None:
            asked = self._followed[room] = asyncio.get_running_loop().create_future()
            if self._stream is not None:
                self._stream.write(command("SUBSCRIBE", room_channel(room)))
        if self._stream is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await asyncio.shield(asked)

    def unfollow(self, room: str) -> None:
        asked = self._followed.pop(room, None)
        if asked is not None:
            asked.cancel()
            if self._stream is not None:
                self._stream.write(command("UNSUBSCRIBE", room_channel(room)))

    def _connected(self, stream: RedisStream) -> None:
        stream.write(command("SUBSCRIBE", PRESENCE_CHANNEL))
        rooms = list(self._followed)
        for start in range(0, len(rooms), 1000):
            stream.write(command("SUBSCRIBE", *(room_channel(room) for room in rooms[start : start + 1000])))

    def _take(self, reply: Any) -> None:
        if not isinstance(reply, list) or len(reply) != 3:
            super()._take(reply)
            return
        kind, channel, body = reply
        if kind == b"message":
            try:
                self._hear(channel.decode(), body)
            except NotOpened:
                self._doubt(channel.decode(errors="replace"))
            return
        room = channel.decode().removeprefix("room:")
        if kind == b"subscribe" and (asked := self._followed.get(room)) is not None and not asked.done():
            asked.set_result(None)

    def _hear(self, channel: str, sealed: bytes) -> None:
        if channel == PRESENCE_CHANNEL:
            self._listener.heard_presence(self._opener.open(channel, sealed))
            return
        if self._listener.wanted(channel.removeprefix("room:"), numbers(sealed)[1]):
            self._news.append((channel, sealed))
            if len(self._news) == 1:
                asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        """Pass on what is still news, in the loop's next turn. An update that came meanwhile by an answer is shown
        already: to its sender together with their `ack`, and without opening it twice."""
        news, self._news = self._news, []
        for channel, sealed in news:
            room = channel.removeprefix("room:")
            if self._listener.wanted(room, numbers(sealed)[1]):
                try:
                    self._listener.heard(room, self._opener.open(channel, sealed))
                except NotOpened:
                    self._doubt(channel)

    def _doubt(self, channel: str) -> None:
        self.not_opened += 1
        if self.not_opened & (self.not_opened - 1) == 0:  # The 1st, 2nd, 4th, …: whoever writes there fills no log.
            log.warning("redis.not_opened", channel=channel, times=self.not_opened)
