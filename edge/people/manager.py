"""The manager of connections: who has a socket, and who of a room is there, on this edge and on all of them.

Of its own sockets an edge knows all by this object, and tells Redis of them in batches, so that every edge can answer
for all (`storage.people` has the keys). Nothing waits for Redis. Away, or emptied, it is written everything as soon as
it is there again; in the meantime answers lack what other edges know, and say so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec
import structlog

from tavola.actors.wire.commands import RoomId, UserId
from tavola.config.clock import now_ms
from tavola.edge.people.structs import (
    ConnectionStats,
    GameEvent,
    GameSession,
    OnlineConnections,
    OnlinePlayers,
    PlayerConnection,
    SessionState,
)
from tavola.storage.online import OnlineEntries, OnlineReader
from tavola.storage.people import CONNECTIONS, PLAYERS, ConnectionBoard, EventLink
from tavola.storage.postgres import Database, StorageUnavailable
from tavola.storage.redis import LinkHealth
from tavola.storage.sealing import Opener, Sealer

log = structlog.get_logger()

GATHER_S = 0.05
"""How long what changed is gathered, to be written together."""
BATCH, SLICE_S, PAUSE_S = 100, 0.005, 0.004
"""Sockets, players and rooms that are written at once; how long, one batch after another, before play has its turn;
and how long that turn is."""
DESCRIBE_S = 0.25
"""How long rooms are gathered that changed, to be read together."""
DESCRIBE_LIMIT = 1000
"""Rooms that are read at once."""
RENEW_S, SHARES = 30.0, 20
"""How often a share of all entries is written again, and how many shares they are."""
EVENT_LIMIT = 32 * 1024
"""Bytes of an event."""

STATES: dict[str, SessionState] = {
    "open": "waiting", "playing": "active", "paused": "paused", "closed": "completed",
}  # fmt: skip

Handler = Callable[[GameEvent], None]


class Identified(Protocol):
    """A socket. No other of this edge has its id."""

    @property
    def id(self) -> str: ...


S = TypeVar("S", bound=Identified)


class _OwnSocket(Generic[S]):
    """A socket of this edge, and the rooms that it follows."""

    __slots__ = ("games", "socket")

    def __init__(self, socket: S) -> None:
        self.socket = socket
        self.games: set[RoomId] = set()


class _Followed:
    """A user's part in a room on this edge: how many sockets of theirs follow it, and whether they have a part in
    it."""

    __slots__ = ("counts", "sockets")

    def __init__(self) -> None:
        self.sockets = 0
        self.counts = False


class _DescribedRoom(NamedTuple):
    """A room as Postgres had it, and as it is written in Redis."""

    state: SessionState
    text: bytes


class _Everything(NamedTuple):
    """The part of all that was there when a life of the link began which is still to be written, as it is by then."""

    sockets: Iterator[tuple[UserId, str]]
    players: Iterator[tuple[RoomId, UserId]]
    sessions: Iterator[RoomId]


_NOTHING = _Everything(iter(()), iter(()), iter(()))
_ConnectionText = tuple[int, tuple[RoomId, ...]]
"""When a socket was seen last, and its games."""

_NOBODY: Mapping[UserId, _Followed] = MappingProxyType({})
_encode = msgspec.json.Encoder().encode
_connection = msgspec.json.Decoder(_ConnectionText).decode
_session = msgspec.json.Decoder(GameSession).decode
_event = msgspec.json.Decoder(GameEvent).decode


class ConnectionManager(Generic[S]):
    """Every edge has one, which `run` keeps at work. `S` is whatever the edge has for a socket."""

    def __init__(self, edge: str, database: Database, redis_url: str, sealer: Sealer, opener: Opener) -> None:
        """`edge` is this edge's id; no two that ever lived have the same."""
        self.edge = edge
        self._database = database
        self._sockets: dict[UserId, dict[str, _OwnSocket[S]]] = {}
        self._count = 0
        self.catching_up = 0
        """Sockets that wait for what they have missed of a room, or for its view."""
        self._games: dict[RoomId, dict[UserId, _Followed]] = {}
        self._sessions: dict[RoomId, _DescribedRoom] = {}
        """Of rooms where somebody is who has a part in them, once they were read."""
        self._anew: _Everything = _NOTHING
        self._changed_sockets: set[tuple[UserId, str]] = set()
        self._changed_players: set[tuple[RoomId, UserId]] = set()
        self._changed_rooms: set[RoomId] = set()
        self._undescribed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._handlers: dict[RoomId, list[Handler]] = {}
        self._board = ConnectionBoard(redis_url, edge, sealer, lambda: (self._count, self.catching_up), self._all_anew)
        self._events = EventLink(redis_url, opener, self._heard)
        self.online = OnlineReader(redis_url, opener)

    @property
    def link(self) -> LinkHealth:
        """Of the link on which this edge writes who is connected."""
        return self._board.health

    @property
    def links(self) -> dict[str, LinkHealth]:
        """That one, and the one on which events are heard, if anybody listens to any."""
        return {"board": self.link, **({"events": self._events.health} if self._handlers else {})}

    @property
    def not_opened(self) -> int:
        """How often something lay in Redis, or came through it, that nobody of ours had sealed."""
        return self._events.not_opened + self.online.not_opened

    # This edge's own

    def connect(self, user: UserId, socket: S) -> None:
        """The socket is the user's. Said again, it changes nothing."""
        mine = self._sockets.setdefault(user, {})
        if socket.id not in mine:
            mine[socket.id] = _OwnSocket(socket)
            self._count += 1
            self._socket_changed(user, socket.id)

    def disconnect(self, user: UserId, socket: S) -> None:
        """It is closed, and follows no room any more."""
        mine = self._sockets.get(user, {})
        held = mine.get(socket.id)
        if held is None:
            return
        for room in list(held.games):
            self.leave_game(user, room, socket)
        del mine[socket.id]
        self._count -= 1
        if not mine:
            del self._sockets[user]
        self._socket_changed(user, socket.id)

    def join_game(self, user: UserId, room: RoomId, socket: Identified) -> bool:
        """The socket follows the room. Whether it is the first of its user's here that does."""
        followed = self._games.setdefault(room, {}).setdefault(user, _Followed())
        followed.sockets += 1
        if (held := self._sockets.get(user, {}).get(socket.id)) is not None:
            held.games.add(room)
            self._socket_changed(user, socket.id)
        return followed.sockets == 1

    def leave_game(self, user: UserId, room: RoomId, socket: Identified) -> bool:
        """It follows it no more. Whether it was the last of its user's here that did."""
        here = self._games[room]
        followed = here[user]
        followed.sockets -= 1
        if (held := self._sockets.get(user, {}).get(socket.id)) is not None:
            held.games.discard(room)
            self._socket_changed(user, socket.id)
        if followed.sockets:
            return False
        del here[user]
        if followed.counts:
            self._player_changed(room, user)
        if not here:
            del self._games[room]
        if not self._attended(room):
            self._sessions.pop(room, None)
        return True

    def stands(self, user: UserId, room: RoomId, has_part: bool) -> None:
        """Whether a user whose socket follows the room has a part in it: only of those who have, others are told."""
        followed = self._games.get(room, _NOBODY).get(user)
        if followed is not None and followed.counts is not has_part:
            followed.counts = has_part
            self._player_changed(room, user)
            if not self._attended(room):
                self._sessions.pop(room, None)
            self.changed(room)

    def changed(self, room: RoomId) -> None:
        """Something of the room that outsiders see has changed, or who has a part in it."""
        if self._attended(room):
            self._changed_rooms.add(room)
            self._undescribed.set()

    def _attended(self, room: RoomId) -> bool:
        """Whether somebody who has a part in the room follows it here."""
        return any(followed.counts for followed in self._games.get(room, _NOBODY).values())

    @property
    def users(self) -> KeysView[UserId]:
        """Those with a socket on this edge."""
        return self._sockets.keys()

    def sockets(self, user: UserId) -> list[S]:
        """The user's on this edge."""
        return [held.socket for held in self._sockets.get(user, {}).values()]

    def sockets_held(self, user: UserId) -> int:
        return len(self._sockets.get(user, ()))

    def followers(self, room: RoomId) -> KeysView[UserId]:
        """Those of whom a socket on this edge follows the room, whether they have a part in it or not."""
        return self._games.get(room, _NOBODY).keys()

    def following(self) -> Iterator[tuple[RoomId, UserId]]:
        """All of them, with their rooms."""
        return ((room, user) for room, users in self._games.items() for user in users)

    # All edges

    async def online_players(self, room: RoomId) -> OnlinePlayers:
        """Those who have a part in the room and follow it, on whichever edge."""
        here = {user for user, followed in self._games.get(room, _NOBODY).items() if followed.counts}
        found = await self.online.players(room) if self._board.up else None
        there = {UserId(each.of) for each in found.entries if each.edge != self.edge} if found is not None else set()
        return OnlinePlayers(frozenset(here | there), self._partial(found))

    async def connections(self, user: UserId) -> OnlineConnections:
        """The user's sockets."""
        now = now_ms()
        sockets = [
            PlayerConnection(user, id, tuple(sorted(held.games)), now, self.edge)
            for id, held in self._sockets.get(user, {}).items()
        ]
        found = await self.online.connections(user) if self._board.up else None
        for entry in found.entries if found is not None else ():
            if entry.edge != self.edge:
                seen, games = _connection(entry.text)
                sockets.append(PlayerConnection(user, entry.of, games, max(seen, entry.beat_at), entry.edge))
        return OnlineConnections(sockets, self._partial(found))

    def _partial(self, found: OnlineEntries | None) -> bool:
        """Whether there may be more than what this edge knows, and what was found in Redis."""
        return found is None or not found.writing <= {self.edge}

    async def session(self, room: RoomId) -> GameSession | None:
        """A room where somebody is, as the edges have told it; None as well while Redis is away."""
        text = await self.online.session(room) if self._board.up else None
        return _session(text) if text else None

    async def stats(self) -> ConnectionStats:
        found = await self.online.counts() if self._board.up else None
        if found is None:
            active = sum(told.state == "active" for told in self._sessions.values())
            return ConnectionStats(len(self._sockets), active, self._count, True)
        sockets = sum({**found.sockets, self.edge: self._count}.values())
        return ConnectionStats(max(found.users, len(self._sockets)), found.active, sockets, bool(found.writing))

    async def current_elsewhere(self) -> int | None:
        """How many sockets the other edges have together that wait for nothing; None where there is no other edge, or
        nobody knows."""
        found = await self.online.counts() if self._board.up else None
        if found is None:
            return None
        others = [count - found.catching_up[edge] for edge, count in found.sockets.items() if edge != self.edge]
        return sum(others) if others else None

    # Events

    def broadcast(self, room: RoomId, event: GameEvent) -> None:
        """Say it to whoever listens to the room, on all edges. Raises `ValueError` if it is larger than
        `EVENT_LIMIT`."""
        told = msgspec.structs.replace(event, game_id=room, timestamp=now_ms(), server_instance=self.edge)
        text = _encode(told)
        if len(text) > EVENT_LIMIT:
            raise ValueError(f"an event has at most {EVENT_LIMIT} bytes, and this one {len(text)}")
        self._board.publish(room, text)
        self._loop.call_soon(self._tell, told)

    def on_game_event(self, room: RoomId, handler: Handler) -> Callable[[], None]:
        """Have `handler` told of what is broadcast in the room, until what is given is called."""
        handlers = self._handlers.setdefault(room, [])
        handlers.append(handler)
        if len(handlers) == 1:
            self._events.follow(room)

        def end() -> None:
            if handler in handlers:
                handlers.remove(handler)
                if not handlers and self._handlers.get(room) is handlers:
                    del self._handlers[room]
                    self._events.unfollow(room)

        return end

    def _heard(self, room: str, text: bytes) -> None:
        try:
            event = _event(text)
        except msgspec.MsgspecError as error:
            log.warning("people.event_unreadable", room=room, reason=str(error))
            return
        if event.server_instance != self.edge and event.game_id == room:
            self._tell(event)

    def _tell(self, event: GameEvent) -> None:
        for handler in list(self._handlers.get(event.game_id, ())):
            try:
                handler(event)
            except Exception as error:
                log.error("people.handler_failed", room=event.game_id, exc_info=error)

    # Telling Redis

    async def run(self) -> None:
        """Tell, until cancelled; then it is as if this edge had no socket."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._board.run())
                tasks.create_task(self._events.run())
                tasks.create_task(self._describe())
                tasks.create_task(self._renew())
        finally:
            if self._timer is not None:
                self._timer.cancel()
            await self.online.close()

    def leave(self) -> None:
        """This edge ends: from now on it counts as one without sockets."""
        self._board.leave()

    def _socket_changed(self, user: UserId, socket: str) -> None:
        if self._board.up:
            self._changed_sockets.add((user, socket))
            self._soon(GATHER_S)

    def _player_changed(self, room: RoomId, user: UserId) -> None:
        if self._board.up:
            self._changed_players.add((room, user))
            self._soon(GATHER_S)

    def _all_anew(self) -> None:
        self._changed_sockets.clear()
        self._changed_players.clear()
        self._anew = _Everything(
            ((user, socket) for user in list(self._sockets) for socket in list(self._sockets.get(user, ()))),
            (
                (room, user)
                for room in list(self._games)
                for user, each in list(self._games.get(room, _NOBODY).items())
                if each.counts
            ),
            iter(list(self._sessions)),
        )
        self._changed_rooms.update(self._sessions)
        self._undescribed.set()
        self._soon(0.0)

    def _soon(self, within_s: float) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(within_s, self._write)

    def _write(self) -> None:
        """Write what changed, as it is now; for a moment, and then again after a pause."""
        self._timer = None
        if not self._board.up:
            self._changed_sockets.clear()
            self._changed_players.clear()
            self._anew = _NOTHING
            return
        until = time.monotonic() + SLICE_S
        while not self._board.behind:
            if not self._write_some():
                self._board.complete()
                return
            if time.monotonic() >= until:
                break
        self._soon(PAUSE_S)

    def _write_some(self) -> bool:
        """Write a batch. Whether there was anything."""
        now = now_ms()
        sockets = [*islice(self._anew.sockets, BATCH), *_some(self._changed_sockets, BATCH)]
        players = [*islice(self._anew.players, BATCH), *_some(self._changed_players, BATCH)]
        sessions = list(islice(self._anew.sessions, BATCH))
        self._write_sockets(sockets, now)
        self._write_players(players, now)
        for room in sessions:
            self._write_session(room, now)
        return bool(sockets or players or sessions)

    def _write_sockets(self, changed: Iterable[tuple[UserId, str]], now: int) -> None:
        there: dict[str, list[tuple[str, bytes]]] = {}
        gone = []
        for user, socket in changed:
            held = self._sockets.get(user, {}).get(socket)
            if held is None:
                gone.append((user, socket))
            else:
                text: _ConnectionText = (now, tuple(held.games))
                there.setdefault(user, []).append((socket, _encode(text)))
        self._board.put(CONNECTIONS, there, now)
        self._board.remove(CONNECTIONS, gone)

    def _write_players(self, changed: Iterable[tuple[RoomId, UserId]], now: int) -> None:
        there: dict[str, list[tuple[str, bytes]]] = {}
        gone = []
        for room, user in changed:
            followed = self._games.get(room, _NOBODY).get(user)
            if followed is None or not followed.counts:
                gone.append((room, user))
            else:
                there.setdefault(room, []).append((user, _encode(now)))
        self._board.put(PLAYERS, there, now)
        self._board.remove(PLAYERS, gone)

    def _write_session(self, room: RoomId, now: int) -> None:
        told = self._sessions.get(room)
        if told is not None:
            self._board.put_session(room, told.text, active=told.state == "active", now_ms=now)

    async def _describe(self) -> None:
        """Write the sessions of rooms that changed, as Postgres has them."""
        while True:
            await self._undescribed.wait()
            await asyncio.sleep(DESCRIBE_S)
            rooms = _some(self._changed_rooms, DESCRIBE_LIMIT)
            if not self._changed_rooms:
                self._undescribed.clear()
            try:
                found = await self._database.rows("sessions", rooms=rooms)
            except StorageUnavailable as error:
                log.warning("people.not_described", reason=str(error))
                self._changed_rooms.update(rooms)
                self._undescribed.set()
                await asyncio.sleep(1.0)
                continue
            for number, row in enumerate(found, 1):
                session = GameSession(
                    row["id"], tuple(row["players"]), tuple(row["spectators"]), STATES[row["status"]],
                    row["created_at"], row["active_at"], self.edge,
                )  # fmt: skip
                if self._attended(session.id):
                    self._sessions[session.id] = _DescribedRoom(session.state, _encode(session))
                    if self._board.up:
                        self._write_session(session.id, now_ms())
                if number % BATCH == 0:
                    await asyncio.sleep(0)

    async def _renew(self) -> None:
        """Entries end unless they are written again: all of them are, in `RENEW_S * SHARES`."""
        people: list[UserId] = []
        rooms: list[RoomId] = []
        while True:
            await asyncio.sleep(RENEW_S)
            people, rooms = people or list(self._sockets), rooms or list(self._games)
            for user in _last(people, len(self._sockets) // SHARES + 1):
                for socket in self._sockets.get(user, ()):
                    self._socket_changed(user, socket)
            for room in _last(rooms, len(self._games) // SHARES + 1):
                for user, followed in self._games.get(room, _NOBODY).items():
                    if followed.counts:
                        self._player_changed(room, user)
                self.changed(room)


T = TypeVar("T")


def _some(waiting: set[T], most: int) -> list[T]:
    """Take up to `most` of them."""
    return [waiting.pop() for _ in range(min(most, len(waiting)))]


def _last(all: list[T], most: int) -> list[T]:
    """Take the last of them."""
    taken = all[-most:]
    del all[-most:]
    return taken
