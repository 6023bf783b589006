"""Both doors of one edge, with an actor behind a real line, on a real Postgres and Redis: no process, no port but the
line's. REST is asked without a server, and a socket is a `Connection` whose wire keeps what it hears."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from itertools import count
from typing import Any, NamedTuple

import httpx
import msgspec
from starlette.applications import Starlette

from kit.catalogue import said
from kit.followers import Sink
from kit.hosts import GRACE, OPENER, SEALER, SECRET, connected
from kit.people import manager
from tavola.actors.cluster import ceiling
from tavola.actors.cluster.directory import Directory
from tavola.actors.host.host import Host, HostDeps
from tavola.actors.log.logged import logged_of
from tavola.actors.wire.commands import RoomId
from tavola.actors.wire.grants import GrantSigner
from tavola.actors.wire.line import LineServer
from tavola.config.clock import now_ms
from tavola.config.spans import Tracer
from tavola.edge.common.limits import NO_LIMITS, Limits
from tavola.edge.common.sampling import Sampling
from tavola.edge.endpoints import RestApi
from tavola.edge.identity.auth import Identities, Identity
from tavola.edge.identity.authenticator import Authenticator
from tavola.edge.identity.operators import Operators
from tavola.edge.identity.origins import Origins
from tavola.edge.identity.reconnection import ReconnectionTokens
from tavola.edge.identity.services import KnownServices
from tavola.edge.identity.session_cache import SessionCache
from tavola.edge.identity.sessions import Sessions
from tavola.edge.identity.sign_outs import SignOuts
from tavola.edge.identity.standing_orders import StandingOrders
from tavola.edge.identity.tokens import Tokens
from tavola.edge.rest.lobby import Lobby
from tavola.edge.rest.rest import not_there
from tavola.edge.routing.presence import EdgePresence
from tavola.edge.routing.router import Router
from tavola.edge.ws.connection import Connection, Services
from tavola.edge.ws.fanout import Fanout
from tavola.storage.postgres import Database
from tavola.storage.redis import RedisPublisher

Json = dict[str, Any]
OPERATORS_SECRET = "what operators know"


class Person(NamedTuple):
    """Somebody with an identity token."""

    user: str
    token: str


class Socket(Sink):
    """One socket of somebody's: what was sent to it, and with which code it was closed."""

    unsent = 0

    def __init__(self, services: Services) -> None:
        super().__init__()
        self.code: int | None = None
        self.connection = Connection(self, services)

    def close(self, code: int, reason: str) -> None:
        if self.code is None:
            self.code = code
            self.connection.gone()
            self.pulse.beat()

    def say(self, **frame: Any) -> None:
        self.connection.message(msgspec.json.encode(frame), True)

    async def hears(self, holds: Callable[[Json], bool]) -> Json:
        """The first frame, of those that came or will, of which that holds."""
        await self.pulse.until(lambda: any(map(holds, self.payloads)))
        return next(filter(holds, self.payloads))

    async def joins(self, room: str, **more: Any) -> Json:
        """Follows the room; what was answered last."""
        before = len(self.payloads)
        self.say(type="join_room", room=room, **more)
        await self.pulse.until(lambda: len(self.payloads) > before)
        return self.payloads[-1]

    async def does(self, kind: str, room: str, id: str, **fields: Any) -> Json:
        """Sends a command; its answer."""
        before = len(self.payloads)
        self.say(type=kind, id=id, room=room, **fields)
        await self.pulse.until(lambda: any(each.get("id") == id for each in self.payloads[before:]))
        return next(each for each in self.payloads[before:] if each.get("id") == id)


class Doors:
    def __init__(self, services: Services, database: Database, http: httpx.AsyncClient) -> None:
        self.services, self.database, self.http = services, database, http
        self._numbers = count(1)

    def person(self, name: str) -> Person:
        identity = Identity(f"u_{name.lower()}", name, int(time.time()) + 3600, now_ms())  # type: ignore[arg-type]
        return Person(identity.user, self.services.who.identities.token(identity))

    async def ask(
        self, method: str, path: str, who: Person | None = None, body: Json | None = None, key: str | None = None
    ) -> tuple[int, Json]:
        """The status and the answer."""
        headers = {"Authorization": f"Bearer {who.token}"} if who else {}
        if method != "GET":
            headers["Idempotency-Key"] = key or f"k{next(self._numbers)}"
        reply = await self.http.request(method, path, headers=headers, json=body)
        return reply.status_code, reply.json()

    async def ok(self, method: str, path: str, who: Person | None = None, body: Json | None = None) -> Json:
        status, answer = await self.ask(method, path, who, body)
        assert status < 400, answer
        return answer

    async def refused(self, method: str, path: str, who: Person | None = None, body: Json | None = None) -> str:
        """The code of the refusal."""
        status, answer = await self.ask(method, path, who, body)
        assert status >= 400, answer
        code: str = answer["error"]["code"]
        return code

    async def opened(self, host: Person, **fields: Any) -> Json:
        return await self.ok("POST", "/api/rooms", host, {"game": "tictactoe", "approval": "auto", **fields})

    async def socket(self, who: Person) -> Socket:
        socket = Socket(self.services)
        socket.say(type="authenticate", token=who.token)
        await socket.hears(lambda frame: frame["type"] == "authenticated")
        return socket

    async def knocks(self, who: Person) -> Socket:
        """A socket that says whose it is and is closed for that."""
        socket = Socket(self.services)
        socket.say(type="authenticate", token=who.token)
        await socket.pulse.until(lambda: socket.code is not None)
        return socket

    async def log(self, room: str) -> list[Any]:
        """The rows of the log, each with its `command` as text."""
        rows = await self.database.rows("log_commands", room_id=room, after=0, most=100_000)
        return [{**dict(row), "command": bytes(logged_of(RoomId(room), row).command).decode()} for row in rows]


class _Nobody:
    async def start_actor(self, avoid: str | None = None) -> None:
        raise AssertionError("the one actor has room for all")


@asynccontextmanager
async def doors(
    database_url: str,
    redis_url: str,
    limits: Limits = NO_LIMITS,
    sampling: Sampling | None = None,
    tracer: Tracer | None = None,
) -> AsyncIterator[Doors]:
    """`sampling` is the edge's, and `tracer` the actor's."""
    async with connected(database_url, most=8) as database:
        publisher, presence = RedisPublisher(redis_url, SEALER), EdgePresence(database, manager(database, redis_url))
        deps = HostDeps(now_ms, lambda point: None, GrantSigner(*SECRET.all), GRACE, tracer=tracer)
        host = Host("a", database, publisher, deps)
        line = LineServer("a", SECRET, host.handle, host.presence.lost, None, host.errand)
        address = await line.start("127.0.0.1")
        await ceiling.register(database, "a", "node", 1, address, 1000, None)
        await said(database)
        fanout = Fanout(database, redis_url, OPENER, presence, tracer=None if sampling is None else sampling.tracer)
        router = Router(Directory(database, _Nobody()), SECRET, 5.0, presence)
        cache, sign_outs = SessionCache(redis_url, SEALER, OPENER), SignOuts(database, lambda user, at: None)
        identities, sessions = Identities(SECRET, sign_outs.covers), Sessions(database, cache, sign_outs)
        who = Authenticator(identities, sessions, sign_outs, Origins(()), None, KnownServices(database))
        orders = StandingOrders(database)
        services = Services(
            who,
            ReconnectionTokens(database, Tokens(SECRET), now_ms),
            router,
            fanout,
            database,
            limits,
            orders,
            sampling,
        )
        operators = Operators(database, OPERATORS_SECRET, who.of_token)
        app = Starlette(
            routes=RestApi(services, who, Lobby(database, services.errand), NO_LIMITS, operators).routes(),
            exception_handlers={404: not_there},
        )
        tasks = [
            asyncio.create_task(work) for work in (host.run(), publisher.run(), fanout.run(), presence.people.run())
        ]
        try:
            jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # each speaks by their token
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://edge.test", cookies=jar) as http:
                yield Doors(services, database, http)
        finally:
            for connection in list(services.connections):
                connection.gone()
            assert not any(task.done() for task in tasks), "whatever is asked, the servers go on"
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            router.close()
            await line.stop()
            await cache.close()
