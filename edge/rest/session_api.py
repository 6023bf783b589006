"""Sessions by REST: signing in, who one is, signing out everywhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Annotated

import msgspec

from tavola.actors.wire.commands import UserId
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.names import clean, visible
from tavola.actors.wire.refusals import BAD_NAME, TOKEN_INVALID
from tavola.config.clock import now_ms
from tavola.edge.common.limits import Limits, PerMinute
from tavola.edge.identity.auth import Identity
from tavola.edge.identity.authenticator import COOKIE, Authenticator
from tavola.edge.identity.origins import Origins
from tavola.edge.identity.personal_data import CommandPlace, PersonalData, asked, asks_erasure, gathered
from tavola.edge.identity.sessions import LIFE_MS
from tavola.edge.rest.lobby import iso
from tavola.edge.rest.rest import Answer, Call, Endpoint, RestReply, address_of
from tavola.storage.postgres import BIGINT, Database

DATA_A_MINUTE = 6
"""How often a user may ask for all that is kept of them: it costs Postgres a look at the whole log."""
UNCONFIRMED = Refusal("invalid_message", "That is not your user_id: say whose data is to go.")
DATA_BUSY = Refusal("overloaded", "Somebody else's data is being gathered.", None, 1000)


class Introduction(msgspec.Struct, frozen=True):
    display_name: str | None = None


class Known(msgspec.Struct, frozen=True):
    """The identity of a user, and until when it is certain."""

    user_id: str
    display_name: str
    expires_at: str


class SignedIn(Known, frozen=True):
    token: str


class SignedOut(msgspec.Struct, frozen=True):
    """The user whose sessions were ended, and how many they were."""

    user_id: str
    sessions: int


class Forget(msgspec.Struct, frozen=True):
    """The caller's own id, once more: nobody is forgotten by mistake."""

    user_id: str


class Forgotten(msgspec.Struct, frozen=True):
    """The user who is being forgotten, and what stands in their place from now on. Their sessions have ended."""

    user_id: str
    pseudonym: str
    requested_at: str
    status: str = "queued"


class DataAsked(msgspec.Struct, frozen=True):
    """Where the last answer's `next` was."""

    at: Annotated[int, msgspec.Meta(ge=0, le=BIGINT)] = 0
    room_id: Annotated[str, msgspec.Meta(max_length=64)] = ""
    seq: Annotated[int, msgspec.Meta(ge=0, le=BIGINT)] = 0


def endpoints(
    who: Authenticator, database: Database, limits: Limits, clock: Callable[[], float] = time.monotonic
) -> list[Endpoint]:
    identities, sessions = who.identities, who.sessions
    guests = PerMinute(limits.guests_per_minute)
    crowd = Refusal("rate_limited", "Too many new guests come from your address.", None, guests.again_after_ms)

    async def sign_in(call: Call) -> Answer:
        given = call.body.display_name or ""
        if given and not visible(given):
            return BAD_NAME
        name = clean(given)
        if isinstance(call.who, Refusal):
            if not guests.take(address_of(call.request), clock()):
                return crowd
            guest = identities.guest(name)
            opened = await sessions.open(guest.user, guest.name)
        else:
            renewed = await sessions.renew(call.who, call.request.cookies.get(COOKIE), name or None)
            if renewed is None:
                return TOKEN_INVALID
            opened = renewed
        session = opened.session
        known = identities.known(UserId(session.user_id), session.display_name, opened.issued_at)
        headers = _cookie(call, who.origins, opened.cookie, LIFE_MS // 1000)
        return RestReply(SignedIn(*_known(known), identities.token(known)), headers)

    async def who_am_i(call: Call) -> Answer:
        return Known(*_known(call.identity))

    async def sign_out(call: Call) -> Answer:
        ended = await sessions.sign_out(call.identity.user)
        return RestReply(SignedOut(call.identity.user, ended), _cookie(call, who.origins, "", 0))

    reading = asyncio.Lock()
    reads = PerMinute(DATA_A_MINUTE)

    async def data(call: Call) -> Answer:
        if not reads.take(call.identity.user, clock()):
            return Refusal("rate_limited", "You have asked for this a moment ago.", None, reads.again_after_ms)
        if reading.locked():
            return DATA_BUSY
        async with reading:
            return await gathered(database, call.identity.user, CommandPlace(*msgspec.structs.astuple(call.query)))

    async def forget(call: Call) -> Answer:
        user = call.identity.user
        if call.body.user_id != user:
            return UNCONFIRMED
        _, rows = await sessions.sign_out_and(user, asks_erasure(user, now_ms()))
        erasure = asked(rows)
        forgotten = Forgotten(user, erasure.pseudonym, iso(erasure.asked_at))
        return RestReply(forgotten, _cookie(call, who.origins, "", 0))

    return [
        Endpoint(
            "DELETE", "/api/session/data", forget, "Have all that is kept of the caller forgotten", Forgotten,
            body=Forget, status=202, refusals=("invalid_message",), banned_too=True,
        ),
        Endpoint(
            "GET", "/api/session/data", data, "All that is kept of the caller", PersonalData, query=DataAsked,
            refusals=("overloaded",), banned_too=True,
        ),
        Endpoint("POST", "/api/session", sign_in, "Sign in, or renew it", SignedIn, body=Introduction, open=True),
        Endpoint("GET", "/api/session", who_am_i, "The signed-in caller", Known),
        Endpoint("DELETE", "/api/session", sign_out, "Sign out everywhere", SignedOut),
    ]  # fmt: skip


def _known(identity: Identity) -> tuple[str, str, str]:
    return identity.user, identity.name, iso(identity.expires_at * 1000)


def _cookie(call: Call, origins: Origins, value: str, life_s: int) -> dict[str, str]:
    """`Secure` if the request came over TLS, as far as the server was told by proxies that it trusts. Only then can it
    be for pages of other sites, or in their frames, and for each of these sites it is another one (`Partitioned`)."""
    secure = call.request.url.scheme == "https"
    site = "SameSite=None; Partitioned" if secure and origins.elsewhere(call.request) else "SameSite=Lax"
    cookie = f"{COOKIE}={value}; Max-Age={life_s}; Path=/; HttpOnly; {site}"
    return {"Set-Cookie": cookie + ("; Secure" if secure else ""), "Cache-Control": "no-store"}
