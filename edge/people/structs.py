"""The answers of the manager of connections: sockets, games, events, and how many there are. Times are in ms."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from tavola.actors.wire.commands import RoomId, UserId

SessionState = Literal["waiting", "active", "paused", "completed"]


class PlayerConnection(msgspec.Struct, frozen=True):
    """A socket of a user's. `game_ids` are the rooms that it follows."""

    user_id: UserId
    socket_id: str
    game_ids: tuple[RoomId, ...]
    last_seen: int
    server_instance: str


class GameSession(msgspec.Struct, frozen=True):
    """A room in which somebody is. `players` sit and `spectators` watch, whether they are connected or not.
    `last_activity`: as of the last change that is seen from outside; no move is told here."""

    id: RoomId
    players: tuple[UserId, ...]
    spectators: tuple[UserId, ...]
    state: SessionState
    created_at: int
    last_activity: int
    server_instance: str


class GameEvent(msgspec.Struct, frozen=True):
    """Something that is said to whoever listens to a room, on all edges. It has no number, is not in the log and may be
    lost. `game_id`, `timestamp` and `server_instance` are given to it when it is broadcast."""

    type: str
    user_id: UserId | None = None
    game_id: RoomId = RoomId("")
    data: dict[str, Any] = {}
    timestamp: int = 0
    server_instance: str = ""


class OnlinePlayers(NamedTuple):
    """Users. `partial`: Redis is away, or has not all of them again; at least those of this edge are there."""

    users: frozenset[UserId]
    partial: bool


class OnlineConnections(NamedTuple):
    """Sockets of one user. `partial` as in `OnlinePlayers`."""

    sockets: list[PlayerConnection]
    partial: bool


class ConnectionStats(msgspec.Struct, frozen=True):
    """Users with a socket, games in which play goes on before somebody's eyes, and sockets, on all edges. `partial`:
    Redis is away, or has not all of them again; at least this edge's are counted."""

    online_users: int
    active_games: int
    connections: int
    partial: bool
