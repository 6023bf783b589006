"""Grants: a member is given a token to come back with. Pure.

A decision *grants*; the grant's id is logged, shown and answered like anything else, and is worth nothing by itself.
A process that knows the deployment's secret (edges, actors) makes the token of it: the same grant always makes the same
token, so that a command sent again is answered alike although only the token's SHA-256 is stored.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

import msgspec

from tavola.actors.wire.commands import RoomId, UserId
from tavola.actors.wire.view import Role
from tavola.games.base import Entropy, SeatIndex


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """The right to come back as `role`: `actors.wire.grants` makes the token of it."""

    user: UserId
    role: Role
    seat: SeatIndex | None
    id: str


def grant(user: UserId, role: Role, seat: SeatIndex | None, entropy: Entropy) -> Grant:
    """A grant made by the command that was given `entropy`; its id tells nothing of that."""
    return Grant(user, role, seat, hashlib.sha256(b"grant\0" + entropy + user.encode()).hexdigest()[:24])


def digest(token: str) -> bytes:
    """The stored form of a token."""
    return hashlib.sha256(token.encode()).digest()


class GrantSigner:
    """Makes tokens of grants."""

    def __init__(self, *secrets: bytes) -> None:
        """`secrets` are the deployment's, the newest first; the keys derived from them are used for nothing else."""
        self._keys = [hmac.digest(secret, b"tavola rejoin token 1", "sha256") for secret in secrets]

    def rejoin(self, room: RoomId, user: UserId, grant: str) -> str:
        """The rejoin token: 256 bits, in characters that a header or a URL may hold."""
        return _token(self._keys[0], room, user, grant)

    def digests(self, room: RoomId, user: UserId, grant: str) -> list[bytes]:
        """The stored forms of a grant. While one secret takes the place of another, whoever tells the token may use
        either: so the tokens of both are good."""
        return [digest(_token(key, room, user, grant)) for key in self._keys]


def _token(key: bytes, room: RoomId, user: UserId, grant: str) -> str:
    bits = hmac.digest(key, b"\0".join((room.encode(), user.encode(), grant.encode())), "sha256")
    return base64.urlsafe_b64encode(bits).rstrip(b"=").decode()
