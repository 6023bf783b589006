"""The tokens that one socket has been given to come back with: for which rooms a rejoin token, for which seats a seat
token."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tavola.actors.wire.commands import RoomId, UserId
from tavola.actors.wire.given import Given, NothingGiven, SeatGrant
from tavola.edge.identity.reconnection import Membership
from tavola.edge.identity.tokens import SEAT_LIFE_S, Tokens
from tavola.edge.identity.told import NOTHING_TOLD, Told

RENEW_MS = SEAT_LIFE_S * 1000 // 2
"""A seat token that was given so long ago is given anew with the next heartbeat."""


class _GivenSeat(msgspec.Struct, frozen=True):
    index: int
    grant: str
    given_at: int


class IssuedTokens:
    """Tokens as they are given on one socket. A seat that was left meanwhile may still be renewed: such a token opens
    nothing, for what counts is the row of the seat."""

    def __init__(self, tokens: Tokens, now: Callable[[], int]) -> None:
        """`now` is in milliseconds since the epoch."""
        self._tokens = tokens
        self._now = now
        self._rooms: set[RoomId] = set()
        self._seats: dict[RoomId, _GivenSeat] = {}

    def has(self, room: RoomId) -> bool:
        """Whether a rejoin token for the room was given here."""
        return room in self._rooms

    def answer(self, room: RoomId, user: UserId, given: Given) -> Told:
        """The part of an `ack` that tells of what a command gave."""
        if isinstance(given, NothingGiven):
            return NOTHING_TOLD
        told = self._tokens.told(room, user, given, self._now())
        if told.rejoin_token:
            self._rooms.add(room)
        if isinstance(given, SeatGrant):
            self.sits(room, given.seat_index, given.grant)
        return told

    def beside(self, room: RoomId, user: UserId, grant: str) -> bytes:
        """The part of an `update` that tells of a grant."""
        self._rooms.add(room)
        return self._tokens.beside(room, user, grant)

    def take(self, part: Membership) -> None:
        """The tokens of `part` are given."""
        self._rooms.add(part.room)
        if part.seat_index is not None:
            self.sits(part.room, part.seat_index, part.grant)

    def sits(self, room: RoomId, index: int, grant: str) -> None:
        """From now on the seat's tokens are renewed; whoever has one has it from before."""
        if grant:
            self._seats[room] = _GivenSeat(index, grant, self._now())

    def renewed(self, user: UserId) -> dict[str, str]:
        """Room → a fresh seat token, for those that are half through their life."""
        if not self._seats:
            return {}
        now = self._now()
        fresh: dict[str, str] = {}
        for room, seat in self._seats.items():
            if now - seat.given_at > RENEW_MS:
                fresh[room] = self._tokens.seat(room, user, seat.index, seat.grant, now)
                self._seats[room] = msgspec.structs.replace(seat, given_at=now)
        return fresh
