"""Coming back: tokens of rooms are checked against Postgres, and others are given for the next time. One statement
each.

Every question here raises `StorageUnavailable` while Postgres is away; nothing was used up then that is not good again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from tavola.actors.wire.commands import RoomId, UserId
from tavola.actors.wire.grants import digest
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import GAME_OVER, NO_ROOM, NO_SEAT, TOKEN_EXPIRED, TOKEN_INVALID
from tavola.actors.wire.view import Role
from tavola.config.batched import Batched
from tavola.config.limits import REJOIN_MS
from tavola.edge.identity.auth import Identity
from tavola.edge.identity.tokens import Tokens, fresh
from tavola.storage.postgres import Database
from tavola.storage.rows import Row

CONNECTION_MS = 30 * 60_000
"""A connection token is good for so long, once."""


class Membership(msgspec.Struct, frozen=True):
    """Somebody's part in a room as the last commit left it, and what they may come back with next.

    `seq` is how far the room was; `grant` is what their seat is held by, and no client's business. In ms, `issued_at`
    is now, and `expires_at` when the rejoin token would expire if they went now.
    """

    user: UserId
    name: str
    room: RoomId
    role: Role
    is_host: bool
    seat_index: int | None
    seq: int
    grant: str
    rejoin_token: str
    seat_token: str | None
    issued_at: int
    expires_at: int

    @property
    def counts(self) -> bool:
        """Whether they sit, watch, or are the host."""
        return self.is_host or self.role in ("player", "spectator")

    @property
    def identity(self) -> Identity:
        """Their identity, as far as that room is concerned."""
        return Identity(self.user, self.name, self.expires_at // 1000, self.issued_at)


class RoomPass(msgspec.Struct, frozen=True):
    """A connection token and when it expires (ms)."""

    token: str
    expires_at: int


class Holder(msgspec.Struct, frozen=True):
    """The holder of the token, its room, and whether it is good only `once`."""

    user: UserId
    name: str
    room: RoomId
    once: bool


class _MemberAsked(NamedTuple):
    """For whose part in a room the token is meant."""

    room: RoomId
    user: UserId
    token: str


class ReconnectionTokens:
    """Checks and gives tokens of rooms."""

    def __init__(self, database: Database, tokens: Tokens, now: Callable[[], int]) -> None:
        """`now` is in milliseconds since the epoch."""
        self._database = database
        self.tokens = tokens
        self.now = now
        self._members = Batched(self._issued)

    async def by_rejoin(self, token: str) -> Membership | Refusal:
        """The holder of the rejoin token; they are given a fresh one, and this one stays good for `REJOIN_MS`."""
        now, new = self.now(), fresh()
        row = await self._database.row(
            "valid_rejoin_token", hash=digest(token), now=now, fresh=digest(new), life=REJOIN_MS
        )
        return TOKEN_INVALID if row is None else self._part(row, new, now) if row["good"] else TOKEN_EXPIRED

    async def by_seat(self, token: str) -> Membership | Refusal:
        """The holder of the seat token. `expires_at` is the token's own."""
        now, new = self.now(), fresh()
        claim = self.tokens.read_seat(token, now)
        if isinstance(claim, Refusal):
            return claim
        row = await self._database.row(
            "valid_seat_token",
            room_id=claim.room,
            seat_index=claim.index,
            user_id=claim.user,
            grant=claim.grant,
            issued_at=claim.issued_at,
            fresh=digest(new),
            now=now,
            life=REJOIN_MS,
        )
        if row is None:
            removed = await self._database.row("removed", room_id=claim.room)
            return TOKEN_INVALID if removed is None else GAME_OVER
        return msgspec.structs.replace(self._part(row, new, now), expires_at=claim.expires_at)

    async def member(self, room: RoomId, user: UserId) -> Membership | None:
        """The part of a known user, with tokens for it; None for a guest."""
        return await self._members(_MemberAsked(room, user, fresh()))

    async def _issued(self, asked: list[_MemberAsked]) -> list[Membership | None]:
        now = self.now()
        rows = await self._database.rows(
            "issue_rejoin_token",
            rooms=[each.room for each in asked],
            users=[each.user for each in asked],
            fresh=[digest(each.token) for each in asked],
            now=now,
            life=REJOIN_MS,
        )
        found = {row["number"] - 1: row for row in rows}
        return [
            self._part(found[number], each.token, now) if number in found else None for number, each in enumerate(asked)
        ]

    # By REST

    async def connection_token(self, room: RoomId, user: UserId) -> RoomPass | Refusal:
        """A token with which the player may take their seat up again, once."""
        now, new = self.now(), fresh()
        row = await self._database.row(
            "issue_connection_token", room_id=room, user_id=user, fresh=digest(new), now=now, life=CONNECTION_MS
        )
        if row is None:
            return NO_ROOM
        return NO_SEAT if row["seat_index"] is None else RoomPass(new, now + CONNECTION_MS)

    async def holder(self, token: str) -> Holder | Refusal:
        """The holder of the connection or rejoin token. Nothing is used up."""
        now, hashed = self.now(), digest(token)
        row = await self._database.row("valid_connection_token", hash=hashed, now=now, life=CONNECTION_MS)
        once = row is not None
        if row is None:
            row = await self._database.row("valid_rejoin_token", hash=hashed, now=now, fresh=None, life=REJOIN_MS)
        if row is None:
            return TOKEN_INVALID
        return Holder(row["user_id"], row["display_name"], row["room_id"], once) if row["good"] else TOKEN_EXPIRED

    async def use(self, token: str) -> bool:
        """Whether it is a connection token that nobody has used. Nobody will."""
        return await self._database.row("use_connection_token", hash=digest(token), now=self.now()) is not None

    def _part(self, row: Row, rejoin: str, now: int) -> Membership:
        room, user, index = RoomId(row["room_id"]), UserId(row["user_id"]), row["seat_index"]
        grant = row["seat_token"] if index is not None else ""
        told: dict[str, Any] = {name: row[name] for name in ("role", "is_host", "seq")}
        return Membership(
            user=user,
            name=row["display_name"],
            room=room,
            seat_index=index,
            grant=grant,
            rejoin_token=rejoin,
            seat_token=self.tokens.seat(room, user, index, grant, now) if grant else None,
            issued_at=now,
            expires_at=now + REJOIN_MS,
            **told,
        )
