"""Finds the user of a socket: what `authenticate` may carry is made an identity and, of a room's token, a part in
that room."""

from __future__ import annotations

import math

import msgspec

from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import away
from tavola.config.clock import machine_ms
from tavola.edge.identity.auth import Identity
from tavola.edge.identity.authenticator import Authenticator
from tavola.edge.identity.reconnection import Membership, ReconnectionTokens
from tavola.edge.ws import protocol
from tavola.storage.postgres import StorageUnavailable

RECHECK_S = 300.0
"""How often the session behind a socket that came with a cookie is looked up again."""


class Arrived(msgspec.Struct, frozen=True):
    """Somebody whose word was good. With `part`, only for that room. Good for `lasts_s` from now; infinite: for as long
    as they are connected."""

    identity: Identity
    lasts_s: float
    part: Membership | None = None


async def arrive(
    frame: protocol.Authenticate, cookie: str | None, who: Authenticator, returns: ReconnectionTokens, now_ms: int
) -> Arrived | Refusal:
    """The bearer of the tokens in `frame`, or of the handshake's cookie."""
    try:
        if frame.rejoin_token is not None:
            part = await returns.by_rejoin(frame.rejoin_token)
            return part if isinstance(part, Refusal) else Arrived(part.identity, math.inf, part)
        if frame.seat_token is not None:
            part = await returns.by_seat(frame.seat_token)
            return (
                part if isinstance(part, Refusal) else Arrived(part.identity, (part.expires_at - now_ms) / 1000, part)
            )
        if frame.token is not None:
            found = await who.of_token(frame.token)
            return found if isinstance(found, Refusal) else arrived(found)
        found = await who.of_cookie(cookie)
        return found if isinstance(found, Refusal) else Arrived(found, RECHECK_S)
    except StorageUnavailable as error:
        return away(full=error.full)


def arrived(identity: Identity) -> Arrived:
    """By an identity token, which is good until it expires, by the clock by which it is verified: the machine's."""
    return Arrived(identity, identity.expires_at - machine_ms() / 1000)
