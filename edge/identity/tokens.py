"""Tokens of a room, made and read: what somebody may come back with. Whether one is still good, Postgres says.

A *grant* is what a command gave; its id is logged and answered like anything else and never shown to clients. Here the
rejoin token is made of it, and for a seat the seat token, whose `jti` it is.
"""

from __future__ import annotations

import secrets
from typing import assert_never

import jwt
import msgspec

from tavola.actors.wire.commands import RoomId, UserId
from tavola.actors.wire.given import Admission, Given, JoinStatus, NothingGiven, SeatGrant, WatchGrant
from tavola.actors.wire.grants import GrantSigner
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import TOKEN_EXPIRED, TOKEN_INVALID
from tavola.config.keys import Secrets
from tavola.edge.identity.auth import ALGORITHM, ISSUER, LEEWAY_S, decode
from tavola.edge.identity.told import NOTHING_TOLD, Told

SEAT_AUDIENCE = "tavola:seat"
SEAT_LIFE_S = 7200
CLAIMS = ["sub", "room", "seat_index", "jti", "iat", "exp", "aud", "iss"]

_encode = msgspec.json.Encoder().encode


class SeatClaim(msgspec.Struct, frozen=True):
    """The content of a seat token: `user` was given seat `index` of `room` by `grant`. Times are in ms since the
    epoch."""

    user: UserId
    room: RoomId
    index: int
    grant: str
    issued_at: int
    expires_at: int


class Tokens:
    """Makes tokens of grants, with the deployment's secret. Seat tokens are read that were made with any of those
    that are accepted."""

    def __init__(self, secrets: Secrets) -> None:
        """Each has at least 32 bytes; a shorter one is refused by the first use."""
        self._secrets = secrets
        self._signer = GrantSigner(*secrets.all)
        self._jwt = jwt.PyJWT({"enforce_minimum_key_length": True})

    def rejoin(self, room: RoomId, user: UserId, grant: str) -> str:
        return self._signer.rejoin(room, user, grant)

    def seat(self, room: RoomId, user: UserId, index: int, grant: str, now: int) -> str:
        """A seat token, good for `SEAT_LIFE_S` from `now` (ms) while the seat is held by that grant."""
        claims = {
            "sub": user,
            "room": room,
            "seat_index": index,
            "iss": ISSUER,
            "aud": SEAT_AUDIENCE,
            "jti": grant,
            "iat": now / 1000,
            "exp": now // 1000 + SEAT_LIFE_S,
        }
        return self._jwt.encode(claims, self._secrets.newest, algorithm=ALGORITHM)

    def read_seat(self, token: str, now: int) -> SeatClaim | Refusal:
        """The content of a seat token at `now` (ms), or why it says nothing. Whether the seat is still held by that
        grant is not known.
        """
        try:
            claims = decode(
                self._jwt,
                token,
                self._secrets,
                audience=SEAT_AUDIENCE,
                options={"require": CLAIMS, "verify_iat": False, "verify_exp": False},
            )
        except (jwt.PyJWTError, RecursionError):
            return TOKEN_INVALID
        try:
            claim = SeatClaim(
                UserId(msgspec.convert(claims["sub"], str)),
                RoomId(msgspec.convert(claims["room"], str)),
                msgspec.convert(claims["seat_index"], int),
                msgspec.convert(claims["jti"], str),
                round(msgspec.convert(claims["iat"], float) * 1000),
                msgspec.convert(claims["exp"], int) * 1000,
            )
        except msgspec.ValidationError:
            return TOKEN_INVALID
        return claim if now < claim.expires_at + LEEWAY_S * 1000 else TOKEN_EXPIRED

    def told(self, room: RoomId, user: UserId, given: Given, now: int) -> Told:
        """The part of an answer that tells a client what a command gave them."""
        match given:
            case NothingGiven():
                return NOTHING_TOLD
            case JoinStatus(status):
                return Told(status=status)
            case Admission(grant):
                return Told(status="approved", rejoin_token=self.rejoin(room, user, grant))
            case WatchGrant(grant):
                return Told(rejoin_token=self.rejoin(room, user, grant))
            case SeatGrant(index, ""):
                return Told(seat_index=index)
            case SeatGrant(index, grant):
                rejoin, seat = self.rejoin(room, user, grant), self.seat(room, user, index, grant, now)
                return Told(seat_index=index, rejoin_token=rejoin, seat_token=seat)
            case _ as never:
                assert_never(never)

    def beside(self, room: RoomId, user: UserId, grant: str) -> bytes:
        """The member of an `update` frame that tells `user` what they are given, with a comma before it."""
        return b',"rejoin_token":"%b"' % self.rejoin(room, user, grant).encode()


def fresh() -> str:
    """A token that is made of nothing: 256 random bits, in characters that a header or a URL may hold."""
    return secrets.token_urlsafe(32)
