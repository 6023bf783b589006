"""The people who are connected, as each edge writes it of itself in Redis: the keys, and the link on which it writes.

| key | is | lives |
|---|---|---|
| `connections:{user}` | hash: `{server}:{socket}` → when it was seen, and its games | 1 h |
| `online:users` | sorted set of those with a socket | 1 h |
| `game:{room}:players` | hash: `{server}:{user}` of those who have a part in the room and follow it | 2 h |
| `game:{room}:session` | the room as it was when outsiders last saw it change | 2 h |
| `online:games`, `active:games` | sorted sets of rooms where somebody is, and of those in which play goes on | 2 h |
| `server:{edge}:heartbeat` | when the edge last said that it lives, every 30 s (ms) | 60 s |
| `servers`, `servers:sockets`, `servers:gone` | servers' last beats by Redis's clock, their sockets, the dead | 1 h |
| `game:{room}:events` | channel of what is broadcast in a room | |

An entry is marked with its server, so a reader leaves out what a dead one has left; another edge clears that away. A
server is an edge in one life of its link to Redis: an edge whose link was lost, or whose Redis was emptied, begins
anew and writes everything, and the entries of its life before go the way of the dead. Values are sealed, each for its
key and its field. Only the counts can be forged by a writer to Redis.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import structlog
from redis.asyncio import Redis

from tavola.config.clock import now_ms
from tavola.storage.redis import RedisLink, RedisStream, command
from tavola.storage.sealing import NotOpened, Opener, Sealer

log = structlog.get_logger()

USERS, GAMES, ACTIVE = "online:users", "online:games", "active:games"
SERVERS, SOCKETS, GONE = "servers", "servers:sockets", "servers:gone"
WRITING = "+"
"""Behind the sockets of a server that has not written all of them yet."""
CATCHING_UP = " catching up"
"""Behind the name of a server: how many of its sockets wait for what they follow, if any do."""
USER_LIVES_S, GAME_LIVES_S = 3600, 7200
HEARTBEAT_S, HEARTBEAT_LIVES_S = 30.0, 60
BEAT_S = 0.5
"""How often an edge says that it lives, and how many sockets it has."""
DEAD_MS = 3_000
"""Of an edge that has said nothing for so long, nothing counts."""
SWEEP_MS = 10_000
"""How long an edge has to clear away what a dead one left, before another does."""

_SCRIPTS = {
    name: files("tavola.storage").joinpath("lua", f"{name}.lua").read_text()
    for name in ("beat", "gone", "sweep", "there")
}


class EntryKind(NamedTuple):
    """A family of hashes, and the set of those names whose hash is not empty; of games, also of the active ones."""

    online: str
    head: str
    tail: str
    lives_s: int
    active: str | None = None

    def key(self, name: str) -> str:
        return f"{self.head}{name}{self.tail}"

    @property
    def sets(self) -> list[str]:
        return [self.online, *([self.active] if self.active else [])]


CONNECTIONS = EntryKind(USERS, "connections:", "", USER_LIVES_S)
PLAYERS = EntryKind(GAMES, "game:", ":players", GAME_LIVES_S, ACTIVE)


def session_key(room: str) -> str:
    return f"game:{room}:session"


def events_channel(room: str) -> str:
    return f"game:{room}:events"


def place(key: str, field: str) -> str:
    """The place for which an entry of a hash is sealed."""
    return f"{key} {field}"


def edge_of(server: str) -> str:
    return server.rpartition(".")[0]


class ConnectionBoard(RedisLink):
    """The link on which one edge writes who is connected to it. While Redis is away that is dropped: when it is back,
    or was emptied, `anew` is called, and all of it has to be written."""

    ping_s = BEAT_S

    def __init__(
        self, url: str, edge: str, sealer: Sealer, sockets: Callable[[], tuple[int, int]], anew: Callable[[], None]
    ) -> None:
        """`sockets` tells how many this edge has, and how many of these wait for what they follow."""
        super().__init__(url, "board")
        self._edge = edge
        self._sealer = sealer
        self._sockets = sockets
        self._anew = anew
        self._life = 0
        self._heartbeat_at = 0.0
        self._left = self._complete = False
        self._due: list[str] = []
        """The dead whose leavings this edge has to clear away, and of these, whose it clears away just now."""
        self._dead: list[str] = []
        self._sweeping: list[EntryKind] = []

    @property
    def server(self) -> str:
        """This edge in the present life of its link."""
        return f"{self._edge}.{self._life}"

    @property
    def behind(self) -> bool:
        """Whether Redis has so much to read yet that it is better to wait."""
        return self._stream is not None and self._stream.behind

    def put(self, kind: EntryKind, entries: Mapping[str, Sequence[tuple[str, bytes]]], now_ms: int) -> None:
        """Entries of this server by name: what they are of (a socket, a user) with their text. No name is without, and
        they are some hundreds at most."""
        if not entries:
            return
        words: list[str | bytes] = [str(now_ms), kind.head, kind.tail, str(kind.lives_s)]
        mine, seal = f"{self.server}:", self._sealer.seal
        for name, there in entries.items():
            key = kind.key(name)
            words += (name, str(2 * len(there)))
            for of, text in there:
                field = mine + of
                words += (field, seal(place(key, field), text))
        self._run("there", (kind.online,), *words)

    def remove(self, kind: EntryKind, gone: Sequence[tuple[str, str]]) -> None:
        """Pairs of a name and what this server has an entry of there no more."""
        if gone:
            words = [word for name, of in gone for word in (name, f"{self.server}:{of}")]
            self._run("gone", kind.sets, kind.head, kind.tail, *words)

    def put_session(self, room: str, text: bytes, *, active: bool, now_ms: int) -> None:
        key = session_key(room)
        self._write("SET", key, self._sealer.seal(key, text), "EX", str(GAME_LIVES_S))
        self._write(*(("ZADD", ACTIVE, str(now_ms), room) if active else ("ZREM", ACTIVE, room)))

    def publish(self, room: str, text: bytes) -> None:
        channel = events_channel(room)
        self._write("PUBLISH", channel, self._sealer.seal(channel, text))

    def complete(self) -> None:
        """All that this edge knows has been written since `anew` was called. Until then it says that it has not."""
        if not self._complete and not self._left:
            self._complete = True
            self._write(*self._beat(begins=False))

    def leave(self) -> None:
        """This edge ends: nothing of it counts any more, and it beats no more."""
        self._left = True
        self._write("ZREM", SERVERS, self.server)
        self._write("HDEL", SOCKETS, self.server, self.server + CATCHING_UP)
        self._write("ZADD", GONE, "0", self.server)
        if self._stream is not None:
            self._stream.flush()

    def _write(self, *words: str | bytes) -> None:
        stream = self._stream
        if stream is None or not stream.write(command(*words)):
            self.dropped += 1
            if stream is not None:
                stream.abort()  # It is not known any more what Redis has: begin anew.

    def _run(self, script: str, keys: Sequence[str], *words: str | bytes) -> None:
        self._write(*_call(script, keys, *words))

    # The life of the link

    def _connected(self, stream: RedisStream) -> None:
        self._due, self._dead, self._sweeping = [], [], []
        self._begin()

    def _begin(self) -> None:
        """A new life: what Redis has of the one before, if anything, does not count."""
        if self._left:
            return
        self._life += 1
        self._complete = False
        self._heartbeat_at = 0.0
        self._write(*self._beat(begins=True))
        self._anew()

    def _alive(self) -> bytes:
        if self._left:
            return super()._alive()
        now = asyncio.get_running_loop().time()
        beat = command(*self._beat(begins=False))
        if now < self._heartbeat_at:
            return beat
        self._heartbeat_at = now + HEARTBEAT_S
        return beat + self._heartbeat()

    def _beat(self, *, begins: bool) -> list[str | bytes]:
        sockets, catching_up = self._sockets()
        told = f"{sockets}{'' if self._complete else WRITING}"
        words = (self.server, told, str(int(begins)), str(DEAD_MS), str(SWEEP_MS), str(catching_up), CATCHING_UP)
        return _call("beat", (SERVERS, SOCKETS, GONE), *words)

    def _heartbeat(self) -> bytes:
        """Now and then: what is not renewed ends, and what nobody renews goes out of the sets."""
        now = now_ms()
        commands = [command("SET", f"server:{self._edge}:heartbeat", str(now), "EX", str(HEARTBEAT_LIVES_S))]
        for kind in (CONNECTIONS, PLAYERS):
            for key in kind.sets:
                commands.append(command("ZREMRANGEBYSCORE", key, "-inf", str(now - 1000 * kind.lives_s)))
                commands.append(command("EXPIRE", key, str(kind.lives_s)))
        commands += [command("EXPIRE", key, str(USER_LIVES_S)) for key in (SERVERS, SOCKETS, GONE)]
        return b"".join(commands)

    def _take(self, reply: Any) -> None:
        match reply:
            case [b"beat", 0, server]:
                if server.decode() != self.server:
                    return  # a beat of the life before
                log.warning("people.forgotten")
                self._begin()
            case [b"beat", 1, *dead]:
                self._due += (name.decode() for name in dead)
                if not self._sweeping:
                    self._sweep_next()
            case [b"sweep", page]:
                self._swept(page.decode())
            case _:
                super()._take(reply)

    # Leavings of the dead

    def _sweep_next(self) -> None:
        if self._due:
            self._dead, self._due, self._sweeping = self._due, [], [CONNECTIONS, PLAYERS]
            self._sweep("0")

    def _sweep(self, page: str) -> None:
        kind = self._sweeping[0]
        self._run("sweep", kind.sets, page, kind.head, kind.tail, *self._dead)

    def _swept(self, page: str) -> None:
        """A page was cleared; `page` is the next."""
        if page == "0":
            self._sweeping.pop(0)
        if self._sweeping:
            self._sweep(page)
        else:
            self._write("ZREM", GONE, *self._dead)
            log.info("people.swept", servers=len(self._dead))
            self._sweep_next()


class EventLink(RedisLink):
    """Hears what is broadcast in rooms, by `heard`. It connects when it is first wanted."""

    def __init__(self, url: str, opener: Opener, heard: Callable[[str, bytes], None]) -> None:
        super().__init__(url, "events")
        self._opener = opener
        self._heard = heard
        self._rooms: set[str] = set()
        self._wanted = asyncio.Event()
        self.not_opened = 0

    def follow(self, room: str) -> None:
        self._rooms.add(room)
        self._wanted.set()
        if self._stream is not None:
            self._stream.write(command("SUBSCRIBE", events_channel(room)))

    def unfollow(self, room: str) -> None:
        self._rooms.discard(room)
        if self._stream is not None:
            self._stream.write(command("UNSUBSCRIBE", events_channel(room)))

    async def run(self) -> None:
        await self._wanted.wait()
        await super().run()

    def _connected(self, stream: RedisStream) -> None:
        for room in self._rooms:
            stream.write(command("SUBSCRIBE", events_channel(room)))

    def _take(self, reply: Any) -> None:
        match reply:
            case [b"message", channel, sealed]:
                name = channel.decode()
                try:
                    text = self._opener.open(name, sealed)
                except NotOpened:
                    self.not_opened += 1
                    return
                self._heard(name.removeprefix("game:").removesuffix(":events"), text)
            case _:
                super()._take(reply)


async def forget(redis: Redis, users: Collection[str]) -> None:
    """Remove every entry of these users'."""
    await redis.delete(*map(CONNECTIONS.key, users))
    await redis.zrem(USERS, *users)
    async for room, _ in redis.zscan_iter(GAMES, count=500):
        key = PLAYERS.key(room.decode())
        fields: list[Any] = await redis.hkeys(key)
        if theirs := [field for field in fields if field.decode().partition(":")[2] in users]:
            await redis.hdel(key, *theirs)


def _call(script: str, keys: Sequence[str], *words: str | bytes) -> list[str | bytes]:
    return ["EVAL", _SCRIPTS[script], str(len(keys)), *keys, *words]
