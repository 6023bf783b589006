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

from actors.directory import Directory
from actors.grants import Mint
from actors.host import Host, Means
from actors.line import LineServer
from edge.api import Api
from edge.auth import Identities, Identity
from edge.connection import Connection, Services
from edge.fanout import Fanout
from edge.limits import NO_LIMITS
from edge.lobby import Lobby
from edge.origins import Origins
from edge.presence import Presence
from edge.rest import not_there
from edge.returns import Returns
from edge.router import Router
from edge.session_cache import SessionCache
from edge.sessions import Sessions
from edge.signouts import SignOuts, now_ms
from edge.tokens import Tokens
from edge.who import Who
from kit.followers import Sink
from kit.hosts import GRACE, OPENER, SEALER, SECRET, connected
from storage.online import Online
from storage.postgres import Database
from storage.redis import Board, Publisher

Json = dict[str, Any]


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

    async def log(self, room: str) -> list[Any]:
        rows: list[Any] = await self.database.rows("log_commands", room, 0, 100_000)
        return rows


class _Nobody:
    async def start_actor(self) -> None:
        raise AssertionError("the one actor has room for all")


@asynccontextmanager
async def doors(database_url: str, redis_url: str) -> AsyncIterator[Doors]:
    async with connected(database_url, most=8) as database:
        publisher, presence = Publisher(redis_url, SEALER), Presence("edge", database, Board(redis_url, "edge"))
        host = Host("a", database, publisher, Means(now_ms, lambda point: None, Mint(*SECRET.all), GRACE))
        line = LineServer("a", SECRET, host.handle, host.presence.lost)
        address = await line.start("127.0.0.1")
        await database.rows("register_actor", "a", "node", 1, address, 1000)
        fanout = Fanout(database, redis_url, OPENER, presence)
        router = Router(Directory(database, _Nobody()), SECRET, 5.0, presence)
        cache, sign_outs, online = (
            SessionCache(redis_url, SEALER, OPENER),
            SignOuts(database, lambda user, at: None),
            Online(redis_url),
        )
        identities, sessions = Identities(SECRET, sign_outs.covers), Sessions(database, cache, sign_outs)
        who = Who(identities, sessions, sign_outs, Origins(()), None)
        services = Services(who, Returns(database, Tokens(SECRET), now_ms), router, fanout, database)
        app = Starlette(
            routes=Api(services, who, Lobby(database), online, NO_LIMITS).routes(), exception_handlers={404: not_there}
        )
        tasks = [asyncio.create_task(work) for work in (host.run(), publisher.run(), fanout.run())]
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
            await online.close()
