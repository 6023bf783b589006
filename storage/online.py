"""The people who are connected, as all edges have written them in Redis (`storage.people`), without those whom a dead
edge has left there."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Container
from typing import Any, NamedTuple, TypeVar

from redis.exceptions import RedisError

from tavola.config.clock import now_ms
from tavola.storage.people import (
    ACTIVE,
    CATCHING_UP,
    CONNECTIONS,
    DEAD_MS,
    PLAYERS,
    SERVERS,
    SOCKETS,
    USERS,
    WRITING,
    EntryKind,
    edge_of,
    place,
    session_key,
)
from tavola.storage.redis_address import RedisAddress
from tavola.storage.sealing import NotOpened, Opener

WITHIN_S = 1.0
USERS_LIMIT = 200

T = TypeVar("T")


class OnlineEntry(NamedTuple):
    """The text of an entry, what it is of, and the edge that wrote it, which lived at `beat_at` (ms)."""

    edge: str
    of: str
    text: bytes
    beat_at: int


class OnlineEntries(NamedTuple):
    """Entries of one hash. `writing`: the edges that have not written yet all that they know."""

    entries: list[OnlineEntry]
    writing: set[str]


class OnlineCounts(NamedTuple):
    """Users, games in which play goes on, the sockets of each living edge, and how many of these wait for what they
    follow. `writing` as in `OnlineEntries`."""

    users: int
    active: int
    sockets: dict[str, int]
    catching_up: dict[str, int]
    writing: set[str]


class _LivingServer(NamedTuple):
    """Its last beat (ms, by Redis's clock), its sockets, how many of them wait for what they follow, and whether it has
    not written them all yet."""

    beat_at: int
    sockets: int
    catching_up: int
    writing: bool


class Person(NamedTuple):
    """Somebody who is connected: their sockets by edge, as of `seen_at` (ms)."""

    user: str
    seen_at: int
    sockets: dict[str, int]


class Boards(NamedTuple):
    """Each living edge with its last beat (ms), who was seen last, and how many are online."""

    edges: dict[str, int]
    people: list[Person]
    online: int


class OnlineReader:
    """Reads, in `WITHIN_S` at most; None where Redis is away."""

    def __init__(self, url: str, opener: Opener) -> None:
        self._redis = RedisAddress(url).client(within_s=WITHIN_S)
        self._opener = opener
        self.not_opened = 0
        """Entries that nobody of ours has sealed, or not for that place."""

    async def players(self, room: str) -> OnlineEntries | None:
        """An entry for each edge and each user who has a part in the room and follows it there."""
        return await self._within(self._entries(PLAYERS, room))

    async def connections(self, user: str) -> OnlineEntries | None:
        """An entry for each socket of the user."""
        return await self._within(self._entries(CONNECTIONS, user))

    async def session(self, room: str) -> bytes | None:
        """As it was written last; empty if it is not there."""
        return await self._within(self._session(room))

    async def counts(self) -> OnlineCounts | None:
        return await self._within(self._counts())

    async def boards(self) -> Boards | None:
        """For people to look at."""
        return await self._within(self._boards())

    async def close(self) -> None:
        await self._redis.aclose(close_connection_pool=True)

    async def _within(self, work: Awaitable[T]) -> T | None:
        try:
            async with asyncio.timeout(WITHIN_S):
                return await work
        except (RedisError, OSError, TimeoutError):
            return None

    async def _with_living(self, *commands: tuple[str, ...]) -> tuple[dict[str, _LivingServer], list[Any]]:
        """The servers that live and count, the latest beat last, and the answers to the commands. Of an edge's lives
        the last one counts, and those before it until that has written everything."""
        async with self._redis.pipeline(transaction=False) as asked:
            asked.execute_command("TIME")
            asked.zrange(SERVERS, 0, -1, withscores=True)
            asked.hgetall(SOCKETS)
            for words in commands:
                asked.execute_command(*words)
            (seconds, micros), servers, sockets, *answers = await asked.execute()
        now, living, done = seconds * 1000 + micros // 1000, dict[str, _LivingServer](), set[str]()
        for name, at in reversed(servers):
            server, told = name.decode(), sockets.get(name, b"0").decode()
            if now - at < DEAD_MS and edge_of(server) not in done:
                behind = int(sockets.get(name + CATCHING_UP.encode(), 0))
                living[server] = _LivingServer(int(at), int(told.rstrip(WRITING)), behind, told.endswith(WRITING))
                if not living[server].writing:
                    done.add(edge_of(server))
        return dict(reversed(living.items())), answers

    async def _entries(self, kind: EntryKind, name: str) -> OnlineEntries:
        key = kind.key(name)
        living, (found,) = await self._with_living(("HGETALL", key))
        entries: dict[tuple[str, str], OnlineEntry] = {}
        for field, sealed in found.items():
            server, _, of = field.decode().partition(":")
            if server in living:
                edge, at = edge_of(server), living[server].beat_at
                try:
                    entry = OnlineEntry(edge, of, self._opener.open(place(key, field.decode()), sealed), at)
                except NotOpened:
                    self.not_opened += 1
                    continue
                if (edge, of) not in entries or entries[edge, of].beat_at < at:
                    entries[edge, of] = entry
        return OnlineEntries(list(entries.values()), _writing(living))

    async def _session(self, room: str) -> bytes:
        key = session_key(room)
        sealed: Any = await self._redis.get(key)
        if sealed is None:
            return b""
        try:
            return self._opener.open(key, sealed)
        except NotOpened:
            self.not_opened += 1
            return b""

    async def _counts(self) -> OnlineCounts:
        living, (users, active) = await self._with_living(("ZCARD", USERS), ("ZCARD", ACTIVE))
        sockets = {edge_of(server): told.sockets for server, told in living.items()}
        catching_up = {edge_of(server): told.catching_up for server, told in living.items()}
        return OnlineCounts(users, active, sockets, catching_up, _writing(living))

    async def _boards(self) -> Boards:
        since = now_ms() - 1000 * CONNECTIONS.lives_s
        online = await self._redis.zcount(USERS, since, "+inf")
        seen: Any = await self._redis.zrevrange(USERS, 0, USERS_LIMIT - 1, withscores=True)
        keys = [("HKEYS", CONNECTIONS.key(user.decode())) for user, _ in seen]
        living, sockets = await self._with_living(*keys)
        beats = {edge_of(server): told.beat_at for server, told in living.items()}
        people = [
            Person(user.decode(), max(int(at), *(beats[edge] for edge in by_edge)), by_edge)
            for (user, at), fields in zip(seen, sockets, strict=True)
            if (by_edge := _by_edge(fields, living))
        ]
        return Boards(beats, people, online)


def _writing(living: dict[str, _LivingServer]) -> set[str]:
    """The edges whose last life has not written everything."""
    edges = {edge_of(server): told.writing for server, told in living.items()}
    return {edge for edge, writing in edges.items() if writing}


def _by_edge(fields: list[bytes], living: Container[str]) -> dict[str, int]:
    """How many sockets each living edge has, by the fields of `connections:{user}`."""
    sockets: dict[str, set[str]] = defaultdict(set)
    for field in fields:
        server, _, socket = field.decode().partition(":")
        if server in living:
            sockets[edge_of(server)].add(socket)
    return {edge: len(held) for edge, held in sockets.items()}
