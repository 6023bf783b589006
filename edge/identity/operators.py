"""The operators of this deployment: each known by a secret of their own, or as a user of the trusted issuer, by one of
its tokens or by a cookie since they signed in there (`edge.operating.sign_in`); and the one who has the deployment's
secret, `admin`. Guessing is slowed, for each address.

An operator is looked up in Postgres, and believed for `BELIEVED_S` after that: so long may one act who was removed.
"""

from __future__ import annotations

import hmac
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from starlette.requests import Request

from tavola.actors.wire.commands import OPERATORS, UserId
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import NO_SECRET, SIGN_IN_OVER, UNMARKED, WRONG_SECRET
from tavola.config.clock import now_ms
from tavola.config.keys import Purpose, Secrets
from tavola.edge.common.addresses import party
from tavola.edge.common.limits import Rates
from tavola.edge.identity.auth import Identity
from tavola.edge.identity.services import digest
from tavola.storage.postgres import Database
from tavola.storage.sealing import NotOpened, Opener, Sealer

PREFIX = "tvo_"
"""Every operator's secret begins so."""
ADMIN = "admin"
"""The name of whoever has the deployment's own secret."""
ROLES = {
    "look": "see all that the page shows",
    "act": "and act on rooms and people: close, pause, put out, ban, mute, announce, move",
    "all": "and remove rooms, announce to all, drain actors, nodes and edges",
}
"""Each may do what those before it may."""
GUESSES = 10.0
"""Wrong secrets that one address may send, at once and a minute."""
COOKIE = "tavola_operator"
COOKIE_LIMIT = 1024
SIGNED_IN_MS = 8 * 3_600_000
"""So long a sign-in is good."""
SKEW_MS = 60_000
"""By so much another edge's clock may be ahead of ours."""
BELIEVED_S = 5.0
KNOWN_LIMIT = 1000
"""Good secrets and users that are remembered."""
GUESSING = Refusal("rate_limited", "Too many wrong secrets.", None, int(60_000 / GUESSES))


def made() -> tuple[str, bytes]:
    """A new operator's secret, and its hash."""
    secret = PREFIX + secrets.token_urlsafe(32)
    return secret, digest(secret)


def identity(name: str, role: str) -> Identity:
    """An operator, as the sender of what they do. Their scopes are the roles whose endpoints they may ask."""
    roles = tuple(ROLES)
    return Identity(UserId(OPERATORS + name), name, 0, scopes=frozenset(roles[: roles.index(role) + 1]))


T = TypeVar("T")


class OperatorSession(msgspec.Struct, frozen=True, array_like=True):
    """A user of the trusted issuer's who signed in at that moment (ms)."""

    user: UserId
    at: int


class OperatorCookies:
    """Cookies that a browser keeps for us, and can neither read nor make. Each kind is sealed for itself alone."""

    def __init__(self, secrets: Secrets, now: Callable[[], int] = now_ms) -> None:
        keys = secrets.keys(Purpose.OPERATORS)
        self._sealer, self._opener = Sealer(keys[0]), Opener(keys)
        self.now = now

    def sealed(self, value: msgspec.Struct) -> str:
        text = msgspec.json.encode(value)
        return urlsafe_b64encode(self._sealer.seal(type(value).__name__, text)).decode()

    def opened(self, kind: type[T], cookie: str | None) -> T | None:
        """The value; None: there is none, or it is not ours."""
        if not cookie or len(cookie) > COOKIE_LIMIT:
            return None
        try:
            text = self._opener.open(kind.__name__, urlsafe_b64decode(cookie))
            return msgspec.json.decode(text, type=kind)
        except (NotOpened, ValueError):
            return None

    def session(self, request: Request) -> OperatorSession | None:
        """The sign-in of the request's browser, if it is not too old."""
        found = self.opened(OperatorSession, request.cookies.get(COOKIE))
        return found if found is not None and -SKEW_MS <= self.now() - found.at < SIGNED_IN_MS else None


class Operators:
    """Everything here raises `StorageUnavailable` when only Postgres could say, and it does not."""

    def __init__(
        self,
        database: Database,
        secret: str,
        of_token: Callable[[str], Awaitable[Identity | Refusal]],
        clock: Callable[[], float] = time.monotonic,
        cookies: OperatorCookies | None = None,
        signed_out: Callable[[UserId, int], Awaitable[bool]] | None = None,
    ) -> None:
        """`secret` is the deployment's; empty: it has none. `of_token` gives the user of an identity token. `cookies`:
        operators sign in at the issuer; `signed_out` says of a user and a moment (ms) whether what was given to them
        then is no good any more."""
        self._database = database
        self._secret = secret.strip().encode()
        self._of_token = of_token
        self._clock = clock
        self.cookies = cookies
        self._signed_out = signed_out
        self._guesses = Rates(GUESSES / 60, GUESSES)
        self._known: dict[bytes | UserId, tuple[float, Identity]] = {}

    async def of_request(self, request: Request) -> Identity | Refusal:
        """The operator whose secret the request holds. From an address that guesses, nothing is looked at for a while:
        not the right secret either, or a guess would cost nothing."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        given = given.strip()
        if not scheme and self.cookies is not None and COOKIE in request.cookies:
            return await self._of_cookie(request, self.cookies)
        if scheme.lower() != "bearer" or not given:
            return NO_SECRET
        address, now = party(request.client.host if request.client else ""), self._clock()
        if not self._guesses.would(address, now):
            return GUESSING
        # A header's bytes are read as Latin-1.
        if self._secret and hmac.compare_digest(given.encode("latin-1"), self._secret):
            return identity(ADMIN, "all")
        found = await self._find(given)
        if found is None:
            self._guesses.take(address, now)
            return WRONG_SECRET
        return found

    async def _of_cookie(self, request: Request, cookies: OperatorCookies) -> Identity | Refusal:
        if request.headers.get("x-requested-with", "").lower() != "tavola":
            return UNMARKED
        session = cookies.session(request)
        if session is None or (self._signed_out is not None and await self._signed_out(session.user, session.at)):
            return SIGN_IN_OVER
        return await self.of_user(session.user) or SIGN_IN_OVER

    async def of_user(self, user: UserId) -> Identity | None:
        """The operator who is this user of the trusted issuer's."""
        return await self._operator(user)

    async def _find(self, given: str) -> Identity | Refusal | None:
        if given.startswith(PREFIX):
            return await self._operator(digest(given))
        if given.count(".") != 2:
            return None
        user = await self._of_token(given)
        if isinstance(user, Refusal):
            return user if user.retry_after_ms else None  # the issuer's keys cannot be read just now
        return await self._operator(user.user)

    async def _operator(self, known_by: bytes | UserId) -> Identity | None:
        now = self._clock()
        until, found = self._known.get(known_by, (0.0, None))
        if found is not None and now < until:
            return found
        given = (
            {"hash": known_by, "user_id": None} if isinstance(known_by, bytes) else {"hash": None, "user_id": known_by}
        )
        row = await self._database.row("operator", **given)
        if row is None:
            self._known.pop(known_by, None)
            return None
        if len(self._known) >= KNOWN_LIMIT:
            self._known.clear()
        found = identity(row["name"], row["role"])
        self._known[known_by] = (now + BELIEVED_S, found)
        return found
