"""Browsers at edges of the tests' own: real Postgres and Redis, no sockets between. Signing in, and who one is."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx
from starlette.applications import Starlette

from kit.hosts import OPENER, SEALER, SECRET
from tavola.actors.wire.commands import RoomId, UserId
from tavola.edge.common.limits import NO_LIMITS, Limits
from tavola.edge.identity.auth import Identities
from tavola.edge.identity.authenticator import COOKIE, Authenticator
from tavola.edge.identity.issuers import Issuer
from tavola.edge.identity.origins import Origins
from tavola.edge.identity.services import KnownServices
from tavola.edge.identity.session_cache import SessionCache
from tavola.edge.identity.sessions import Sessions
from tavola.edge.identity.sign_outs import SignOuts
from tavola.edge.rest import session_api
from tavola.edge.rest.rest import RestRouter
from tavola.storage.postgres import Database

OURS = {"X-Requested-With": "tavola"}


class Time:
    """A clock that goes on from now only by hand. In milliseconds."""

    def __init__(self) -> None:
        self.ms = time.time_ns() // 1_000_000

    def __call__(self) -> int:
        return self.ms


class NoRooms:
    async def find(self, code: str) -> tuple[RoomId, bool] | None:
        return None

    async def knows(self, room: RoomId, user: UserId) -> bool:
        return False

    async def removed(self, room: RoomId) -> bool:
        return False


class TestEdge:
    """The part of an edge that says who somebody is. `closed`: whose sockets it would close, with the moments."""

    __test__ = False

    def __init__(
        self,
        database: Database,
        redis_url: str,
        now: Time,
        issuer: Issuer | None = None,
        limits: Limits = NO_LIMITS,
    ) -> None:
        self.database = database
        self.closed: list[tuple[UserId, int]] = []
        self.sign_outs = SignOuts(database, lambda user, at: self.closed.append((user, at)), now)
        self.cache = SessionCache(redis_url, SEALER, OPENER)
        self.sessions = Sessions(database, self.cache, self.sign_outs, now)
        self.identities = Identities(SECRET, self.sign_outs.covers)
        self.who = Authenticator(
            self.identities, self.sessions, self.sign_outs, Origins(()), issuer, KnownServices(database)
        )

        def clock() -> float:
            return now() / 1000

        door = RestRouter(self.who.of_request, NoRooms(), clock, at_once=self.who.at_once)
        self.app = Starlette(routes=door.routes(session_api.endpoints(self.who, database, limits, clock)))
        # It keeps no cookie: a test says what it sends.
        jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        transport = httpx.ASGITransport(self.app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://edge.test", cookies=jar)

    async def ask(
        self,
        method: str,
        cookie: str | None = None,
        token: str | None = None,
        name: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """A request to /api/session, by default with the header of our own pages."""
        sent = dict(OURS if headers is None else headers)
        if cookie is not None:
            sent["Cookie"] = f"{COOKIE}={cookie}"
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        body = {"json": {"display_name": name} if name else {}} if method == "POST" else {}
        raw = {name.encode(): value.encode() for name, value in sent.items()}
        return await self.client.request(method, "/api/session", headers=raw, **body)  # type: ignore[arg-type]

    async def sign_in(self, name: str = "Ann", **by: Any) -> Browser:
        reply = await self.ask("POST", name=name, **by)
        assert reply.status_code == 200, reply.text
        told = reply.json()
        return Browser(UserId(told["user_id"]), told["display_name"], cookie_of(reply), told["token"])

    async def knows(self, cookie: str | None = None, token: str | None = None) -> UserId | None:
        """The user of the cookie or the token, if there is one."""
        reply = await self.ask("GET", cookie, token)
        assert reply.status_code in (200, 401), reply.text
        return UserId(reply.json()["user_id"]) if reply.status_code == 200 else None


class Browser:
    """The cookie and the token of somebody who is signed in."""

    def __init__(self, user: UserId, name: str, cookie: str, token: str) -> None:
        self.user, self.name, self.cookie, self.token = user, name, cookie, token


def cookie_of(reply: httpx.Response) -> str:
    name, _, value = reply.headers["set-cookie"].partition(";")[0].partition("=")
    assert name == COOKIE
    return str(value)


@asynccontextmanager
async def edges(
    database_url: str,
    *redis_urls: str,
    now: Time | None = None,
    issuer: Issuer | None = None,
    limits: Limits = NO_LIMITS,
) -> AsyncIterator[list[TestEdge]]:
    """One edge for each URL of a Redis, each with a database connection pool of its own."""
    clock = now or Time()
    databases = [await Database.connect(database_url, most=8) for _ in redis_urls]
    made = [TestEdge(database, url, clock, issuer, limits) for database, url in zip(databases, redis_urls, strict=True)]
    try:
        yield made
    finally:
        for one, database in zip(made, databases, strict=True):
            await one.client.aclose()
            await one.cache.close()
            await database.close()
