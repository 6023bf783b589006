"""A connection without its socket, on a real Postgres and Redis: how long it is who it was, and what waits for what."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from kit.followers import Sink
from kit.hosts import OPENER, SEALER, SECRET, chat, connected, hosting, open_room, place
from kit.people import manager
from kit.waiting import Pulse
from tavola.actors.cluster.directory import Directory
from tavola.actors.wire.commands import RequestJoin, RoomId, TakeSeat, UserId
from tavola.config.clock import now_ms
from tavola.edge.identity.auth import Identities, Identity
from tavola.edge.identity.authenticator import Authenticator
from tavola.edge.identity.origins import Origins
from tavola.edge.identity.reconnection import Membership, ReconnectionTokens
from tavola.edge.identity.services import KnownServices
from tavola.edge.identity.session_cache import SessionCache
from tavola.edge.identity.sessions import Sessions
from tavola.edge.identity.sign_outs import SignOuts
from tavola.edge.identity.tokens import SEAT_LIFE_S, Tokens
from tavola.edge.routing.presence import EdgePresence
from tavola.edge.routing.router import Router
from tavola.edge.ws import authenticate, connection
from tavola.edge.ws.connection import BEHIND_LIMIT, FIRST_BURST, OUTLIVES_S, SOCKETS_A_USER, Connection, Services
from tavola.edge.ws.fanout import Fanout
from tavola.storage.postgres import Database

ANN = UserId("ann")


class Wire(Sink):
    """The frames that a client hears, and the code with which it is closed."""

    unsent = 0

    def __init__(self) -> None:
        super().__init__()
        self.code: int | None = None
        self.gone: Callable[[], None] = lambda: None

    def close(self, code: int, reason: str) -> None:
        if self.code is None:
            self.code = code
            self.gone()
            self.pulse.beat()

    @property
    def kinds(self) -> list[str]:
        return [payload["type"] for payload in self.payloads]

    async def hears(self, kind: str) -> dict[str, Any]:
        """Wait until such a frame has come; the last."""
        await self.pulse.until(lambda: kind in self.kinds)
        frame: dict[str, Any] = next(p for p in reversed(self.payloads) if p["type"] == kind)
        return frame

    async def closed(self) -> tuple[str, int | None]:
        """The last refusal, and the code that it is closed with."""
        await self.pulse.until(lambda: self.code is not None)
        return self.payloads[-1]["code"], self.code


class Client:
    def __init__(self, services: Services, cookie: str | None = None) -> None:
        self.wire = Wire()
        self.connection = Connection(self.wire, services, cookie)
        self.wire.gone = self.connection.gone
        self._loop = asyncio.get_running_loop()

    def say(self, *frames: dict[str, Any]) -> None:
        for frame in frames:
            self.connection.message(msgspec.json.encode(frame), True)

    async def comes(self, **held: Any) -> dict[str, Any]:
        self.say({"type": "authenticate", **held})
        return await self.wire.hears("authenticated")

    def after(self, seconds: float) -> None:
        """Does what the sweep does then."""
        self.connection.expire(self._loop.time() + seconds)


class Edge:
    """The parts of an edge that a connection works with, and a room with Ann in seat 1."""

    def __init__(self, services: Services, room: RoomId, sessions: Sessions) -> None:
        self.services, self.room, self.sessions = services, room, sessions
        self.returns = services.returns
        self.queries: list[str] = []
        """This edge's queries to Postgres, in order."""
        self.pulse = Pulse()

    async def part(self) -> Membership:
        part = await self.returns.member(self.room, ANN)
        assert part is not None
        return part

    def identity(self, *, lasts_s: int, user: UserId = ANN) -> str:
        return self.services.who.identities.token(Identity(user, "Ann", int(time.time()) + lasts_s, now_ms()))


@asynccontextmanager
async def an_edge(database_url: str, redis_url: str) -> AsyncIterator[Edge]:
    async with connected(database_url, most=6) as database, hosting(database, "a") as table:
        room = await open_room(database)
        epoch = await place(database, room)
        await table.does(epoch, "ann", RequestJoin(id="join", room=room, display_name="Ann"))
        await table.does(epoch, "ann", TakeSeat(id="sit", room=room, seat_index=1))
        for number in range(100):
            await table.does(epoch, "ann", chat(room, f"say {number}"))
        presence = EdgePresence(database, manager(database, redis_url))
        fanout = Fanout(database, redis_url, OPENER, presence)
        router = Router(Directory(database, _Nobody()), SECRET, 1.5, presence)
        cache, sign_outs = SessionCache(redis_url, SEALER, OPENER), SignOuts(database, lambda *_: None)
        identities, sessions = Identities(SECRET, sign_outs.covers), Sessions(database, cache, sign_outs)
        who = Authenticator(identities, sessions, sign_outs, Origins(()), None, KnownServices(database))
        services = Services(who, ReconnectionTokens(database, Tokens(SECRET), now_ms), router, fanout, database)
        edge = Edge(services, room, sessions)
        _listen(database, edge)
        try:
            yield edge
        finally:
            for connection in list(services.connections):
                connection.gone()
            router.close()
            await cache.close()


class _Nobody:
    async def start_actor(self, avoid: str | None = None) -> None:
        raise AssertionError("nothing is placed here")


def _listen(database: Database, edge: Edge) -> None:
    asked = database.rows

    async def rows(query: str, /, **given: Any) -> list[Any]:
        edge.queries.append(query)
        edge.pulse.beat()
        return await asked(query, **given)

    database.rows = rows  # type: ignore[method-assign]


# How long


async def test_a_socket_outlives_its_identity_by_a_minute(database_url: str, redis_url: str) -> None:
    async with an_edge(database_url, redis_url) as edge:
        client = Client(edge.services)
        await client.comes(token=edge.identity(lasts_s=6))
        client.after(5 + OUTLIVES_S - 1)
        assert client.wire.code is None
        client.after(6 + OUTLIVES_S + 1)
        assert await client.wire.closed() == ("token_expired", 4401)


async def test_it_is_renewed_in_place(database_url: str, redis_url: str) -> None:
    async with an_edge(database_url, redis_url) as edge:
        client = Client(edge.services)
        await client.comes(token=edge.identity(lasts_s=6))
        before = client.wire.payloads[-1]["expires_at"]
        client.say({"type": "authenticate", "token": edge.identity(lasts_s=600)})
        assert client.wire.payloads[-1]["expires_at"] > before, "at once: our own tokens are not waited for"
        client.after(6 + OUTLIVES_S + 1)
        assert client.wire.code is None
        client.say({"type": "authenticate", "token": edge.identity(lasts_s=600, user=UserId("bob"))})
        assert client.wire.payloads[-1]["code"] == "forbidden"
        assert client.wire.code is None
        client.say({"type": "authenticate", "token": edge.identity(lasts_s=-100)})
        assert await client.wire.closed() == ("token_expired", 4401)


async def test_a_rooms_token_does_not_prolong_an_identity(database_url: str, redis_url: str) -> None:
    async with an_edge(database_url, redis_url) as edge:
        client = Client(edge.services)
        await client.comes(token=edge.identity(lasts_s=6))
        client.wire.payloads.clear()
        await client.comes(rejoin_token=(await edge.part()).rejoin_token)
        client.after(6 + OUTLIVES_S + 1)
        assert await client.wire.closed() == ("token_expired", 4401)


async def test_by_a_rejoin_token_a_socket_lasts(database_url: str, redis_url: str) -> None:
    async with an_edge(database_url, redis_url) as edge:
        client = Client(edge.services)
        await client.comes(rejoin_token=(await edge.part()).rejoin_token)
        client.after(74)
        assert client.wire.code is None
        client.after(76)
        assert client.wire.code == 4408, "as long as something is heard of it"


async def test_by_a_seat_token_it_lasts_as_that(database_url: str, redis_url: str) -> None:
    async with an_edge(database_url, redis_url) as edge:
        part, issued_at = await edge.part(), now_ms() - SEAT_LIFE_S * 1000 + 7000
        token = edge.returns.tokens.seat(edge.room, ANN, 1, part.grant, issued_at)
        client = Client(edge.services)
        welcome = await client.comes(seat_token=token)
        assert welcome["expires_at"] == (issued_at // 1000 + SEAT_LIFE_S) * 1000
        client.after(4 + OUTLIVES_S)
        assert client.wire.code is None
        client.after(9 + OUTLIVES_S)
        assert await client.wire.closed() == ("token_expired", 4401)


async def test_a_sessions_socket_goes_with_the_session(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (authenticate, connection):
        monkeypatch.setattr(module, "RECHECK_S", 10.0)

    async with an_edge(database_url, redis_url) as edge:
        opened = await edge.sessions.open(ANN, "Ann")
        client = Client(edge.services, opened.cookie)
        welcome = await client.comes()
        assert welcome["user_id"] == ANN
        for _ in range(3):
            client.after(11)
            await asyncio.gather(*client.connection._tasks)
            assert client.wire.code is None, "it was looked up, and is there"
        await edge.sessions.sign_out(ANN)
        client.after(9)
        await asyncio.gather(*client.connection._tasks)
        assert client.wire.code is None, "not yet"
        client.after(11)
        assert await client.wire.closed() == ("token_expired", 4401)


# Frames that wait


async def test_what_may_wait_behind_an_authenticate_is_bounded(database_url: str, redis_url: str) -> None:
    async with an_edge(database_url, redis_url) as edge:
        client = Client(edge.services)
        client.say({"type": "authenticate", "rejoin_token": (await edge.part()).rejoin_token})
        frame = {"type": "left?", "id": "x" * 20, "room": "y", "pad": "z" * 30_000}
        many = BEHIND_LIMIT // len(msgspec.json.encode(frame)) + 3
        client.say(*({**frame, "id": str(number)} for number in range(many)))
        refused = [payload["id"] for payload in client.wire.payloads]
        assert refused == [str(number) for number in range(many - 3, many)], "at once"
        assert {payload["code"] for payload in client.wire.payloads} == {"rate_limited"}
        await client.wire.hears("authenticated")
        answered = [payload["id"] for payload in client.wire.payloads if payload.get("code") == "unknown_type"]
        assert answered == [str(number) for number in range(many - 3)], "all the others, in order"


async def test_every_frame_of_a_socket_is_in_one_rate(database_url: str, redis_url: str) -> None:
    """Pings and parts of messages as well: they have no answer beyond it, and then they end it."""

    async with an_edge(database_url, redis_url) as edge:
        stranger = Client(edge.services)
        answered = [stranger.connection.aside() for _ in range(int(FIRST_BURST))]
        assert all(answered)
        assert not any(stranger.connection.aside() for _ in range(100))
        assert stranger.wire.code is None
        while stranger.wire.code is None:
            stranger.connection.aside()
        assert stranger.wire.code == 4429
        known = Client(edge.services)
        await known.comes(token=edge.identity(lasts_s=600))
        assert all(known.connection.aside() for _ in range(900)), "who says who they are has more"
        known.say(*({"type": "heartbeat"} for _ in range(300)))
        assert known.wire.payloads[-1]["code"] == "rate_limited", "messages are in it too"


async def test_pings_do_not_keep_a_silent_socket_open(database_url: str, redis_url: str) -> None:
    async with an_edge(database_url, redis_url) as edge:
        stranger = Client(edge.services)
        stranger.connection.aside()
        stranger.after(11)
        assert await stranger.wire.closed() == ("unauthenticated", 4401)


async def test_nothing_is_done_for_a_socket_that_is_gone(database_url: str, redis_url: str) -> None:
    async with an_edge(database_url, redis_url) as edge:
        client = Client(edge.services)
        client.say({"type": "authenticate", "rejoin_token": (await edge.part()).rejoin_token})
        client.connection.gone()
        await asyncio.gather(*client.connection._tasks, return_exceptions=True)
        assert client.wire.payloads == []
        assert not edge.services.people.users
        assert edge.services.connections == set()


async def test_no_more_than_eight_of_one_user(database_url: str, redis_url: str) -> None:
    async with an_edge(database_url, redis_url) as edge:
        part = await edge.part()
        clients = [Client(edge.services) for _ in range(SOCKETS_A_USER)]
        for client in clients:
            await client.comes(token=edge.identity(lasts_s=600))
        ninth = Client(edge.services)
        ninth.say({"type": "authenticate", "rejoin_token": part.rejoin_token})
        await ninth.wire.pulse.until(lambda: ninth.wire.code is not None)
        assert ninth.wire.code == 4409
        clients[0].wire.close(1000, "bye")
        await Client(edge.services).comes(rejoin_token=part.rejoin_token)


async def test_while_postgres_is_away_nobody_is_told_that_his_token_is_no_good(
    database_url: str, redis_url: str
) -> None:
    async with an_edge(database_url, redis_url) as edge:
        held = (await edge.part()).rejoin_token
        known = Client(edge.services)
        await known.comes(token=edge.identity(lasts_s=600))
        await edge.services.database.close()
        client = Client(edge.services)
        client.say({"type": "authenticate", "rejoin_token": held})
        assert await client.wire.closed() == ("storage_unavailable", 1013)
        known.say({"type": "authenticate", "rejoin_token": held})
        assert (await known.wire.hears("error"))["code"] == "storage_unavailable"
        assert known.wire.code is None, "who they are, is known"


# How much is asked


async def test_a_reconnection_asks_postgres_twice(database_url: str, redis_url: str) -> None:
    async with an_edge(database_url, redis_url) as edge:
        held = (await edge.part()).rejoin_token
        client = Client(edge.services)
        edge.queries.clear()
        welcome = await client.comes(rejoin_token=held, after={edge.room: 100})
        updates = await client.wire.hears("updates")
        assert edge.queries == ["valid_rejoin_token", "gap"]
        assert [update["seq"] for update in updates["updates"]] == [101, 102]
        assert (welcome["seat_index"], welcome["role"]) == (1, "player")


async def test_one_with_a_long_gap_does_not_ask_for_it(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tavola.edge.ws.protocol.GAP_LIMIT", 50)

    async with an_edge(database_url, redis_url) as edge:
        held = (await edge.part()).rejoin_token
        client = Client(edge.services)
        edge.queries.clear()
        await client.comes(rejoin_token=held, after={edge.room: 20})
        await edge.pulse.until(lambda: "locate" in edge.queries)
        assert edge.queries == ["valid_rejoin_token", "locate"], "and the actor asks once"


async def test_a_bad_token_is_asked_about_once(database_url: str, redis_url: str) -> None:
    async with an_edge(database_url, redis_url) as edge:
        edge.queries.clear()
        for held in ({"rejoin_token": "x"}, {"seat_token": "x"}):
            client = Client(edge.services)
            client.say({"type": "authenticate", **held})
            assert await client.wire.closed() == ("token_invalid", 4401)
        assert edge.queries == ["valid_rejoin_token"]
