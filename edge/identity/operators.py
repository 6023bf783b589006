"""The operators of this deployment: each known by a secret of their own, or as a user of the trusted issuer; and the
one who has the deployment's, `admin`. Guessing is slowed, for each address.

An operator is looked up in Postgres, and believed for `BELIEVED_S` after that: so long may one act who was removed.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request

from tavola.actors.wire.commands import OPERATORS, UserId
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import NO_SECRET, WRONG_SECRET
from tavola.edge.common.addresses import party
from tavola.edge.common.limits import Rates
from tavola.edge.identity.auth import Identity
from tavola.edge.identity.services import digest
from tavola.storage.postgres import Database

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


class Operators:
    """Everything here raises `StorageUnavailable` when only Postgres could say, and it does not."""

    def __init__(
        self,
        database: Database,
        secret: str,
        of_token: Callable[[str], Awaitable[Identity | Refusal]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`secret` is the deployment's; empty: it has none. `of_token` gives the user of an identity token."""
        self._database = database
        self._secret = secret.strip().encode()
        self._of_token = of_token
        self._clock = clock
        self._guesses = Rates(GUESSES / 60, GUESSES)
        self._known: dict[bytes | UserId, tuple[float, Identity]] = {}

    async def of_request(self, request: Request) -> Identity | Refusal:
        """The operator whose secret the request holds. From an address that guesses, nothing is looked at for a while:
        not the right secret either, or a guess would cost nothing."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        given = given.strip()
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
