"""Other servers, by their tokens: what each may do, for itself or for a user whom it vouches for.

A token is looked up in Postgres, and believed for `BELIEVED_S` after that: so long may one that was revoked be good.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

from starlette.requests import Request

from tavola.actors.wire.commands import BOT, SERVICE, UserId
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.names import clean
from tavola.actors.wire.refusals import BAD_NAME, TOKEN_INVALID
from tavola.edge.identity.auth import Identity, fit
from tavola.storage.postgres import Database

PREFIX = "tvs_"
"""Every token begins so: whoever finds one knows what it is."""
BELIEVED_S = 5.0
KNOWN_LIMIT = 1000
"""Tokens that are remembered, good ones and others."""
USER_HEADER, NAME_HEADER = "tavola-user", "tavola-user-name"
NAMES = r"[a-z0-9][a-z0-9_.-]{0,39}"
SCOPES = {
    "act": "act for a user whom it names: open rooms, join, sit, move",
    "manage": "open rooms of its own, and in any room do what its host may",
    "read": "look at any room, as a spectator sees it",
    "log": "read any room's log, and what any user was shown",
    "feed": "hear of everything in all rooms, as spectators do; with log, the whole of it",
}
NO_USER = Refusal("invalid_message", "Tavola-User is the id of a user: up to 64 printable characters.")


class _Found(NamedTuple):
    name: str
    scopes: frozenset[str]


def made() -> tuple[str, bytes]:
    """A new token and its hash."""
    token = PREFIX + secrets.token_urlsafe(32)
    return token, digest(token)


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class KnownServices:
    """The servers that this deployment knows."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[bytes, tuple[float, _Found | None]] = {}

    async def of_request(self, request: Request, token: str) -> Identity | Refusal:
        """The user for whom the request's sender acts, or the sender itself. Raises `StorageUnavailable`."""
        found = await self._find(digest(token))
        if found is None:
            return TOKEN_INVALID
        until = int(time.time() + BELIEVED_S)
        if (user := request.headers.get(USER_HEADER)) is None:
            return Identity(UserId(SERVICE + found.name), found.name, until, 0, found.name, found.scopes)
        user = unquote(user)
        if not fit(user) or user.startswith(BOT):
            return NO_USER
        if "act" not in found.scopes:
            return lacking("act")
        given = unquote(request.headers.get(NAME_HEADER, ""))
        name = clean(given)
        if given and not name:
            return BAD_NAME
        return Identity(UserId(user), name or user, until, 0, found.name, frozenset({"act"}))

    async def _find(self, hashed: bytes) -> _Found | None:
        now = self._clock()
        until, found = self._known.get(hashed, (0.0, None))
        if now < until:
            return found
        row = await self._database.row("service_token", hash=hashed)
        found = _Found(row["name"], frozenset(row["scopes"])) if row is not None else None
        if len(self._known) >= KNOWN_LIMIT:
            self._known.clear()
        self._known[hashed] = (now + BELIEVED_S, found)
        return found


def lacking(scope: str) -> Refusal:
    """The refusal to a server whose token is good, and not for that."""
    return Refusal("forbidden", "That token is not for this.", {"scope": scope})
