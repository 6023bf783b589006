"""The price of a request that anybody may make: nothing is asked of Postgres or Redis for an address that asks too
much, and whatever is the same for all is worked out once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
import redis
from starlette.applications import Starlette
from starlette.routing import Route

from kit.browsers import edges
from kit.hosts import OPENER, SECRET, connected
from kit.people import manager
from kit.proxy import proxied
from tavola.actors.cluster.directory import Directory
from tavola.actors.errands.doing import here
from tavola.config.clock import now_ms
from tavola.config.settings import Settings
from tavola.edge.app import READY_FOR_S, Edge
from tavola.edge.common.limits import NO_LIMITS
from tavola.edge.endpoints import RestApi
from tavola.edge.identity.reconnection import ReconnectionTokens
from tavola.edge.identity.tokens import Tokens
from tavola.edge.rest import openapi
from tavola.edge.rest.lobby import Lobby
from tavola.edge.routing.presence import EdgePresence
from tavola.edge.routing.router import Router
from tavola.edge.ws.connection import Services
from tavola.edge.ws.fanout import Fanout
from tavola.storage.postgres import Database


def asked(database: Database) -> list[str]:
    """The names of the queries from now on."""
    queries: list[str] = []
    rows = database.rows

    async def noted(query: str, /, **given: Any) -> list[Any]:
        queries.append(query)
        return await rows(query, **given)

    database.rows = noted  # type: ignore[method-assign]
    return queries


def gets(url: str) -> int:
    """How many sessions were ever asked of Redis."""
    with redis.Redis.from_url(url) as client:
        stats = client.info("commandstats")
    assert isinstance(stats, dict)
    return int(stats.get("cmdstat_get", {"calls": 0})["calls"])


async def test_an_address_that_floods_with_cookies_costs_no_query(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tavola.edge.rest.rest.ADDRESS_BURST", 50.0)

    async with edges(database_url, redis_url) as (edge,):
        ann = await edge.sign_in("Ann")
        queries, before = asked(edge.database), gets(redis_url)
        codes = [(await edge.ask("GET", cookie=f"guess {n}")).status_code for n in range(300)]
        assert codes == [401] * 49 + [429] * 251
        assert queries == ["session"] * 49
        assert gets(redis_url) - before == 49
        assert await edge.knows(token=ann.token) == ann.user, "who needs no looking up is not held up"


class Asked:
    def __init__(self, client: httpx.AsyncClient, queries: list[str], edge: Edge) -> None:
        self.client, self.queries, self.edge = client, queries, edge


@asynccontextmanager
async def an_edge(database_url: str, redis_url: str) -> AsyncIterator[Asked]:
    """The whole REST door of an edge on a real Postgres and Redis, without a cluster: nothing is placed here."""
    async with connected(database_url) as database, edges(database_url, redis_url) as (signing,):
        settings = Settings(DATABASE_URL=database_url, REDIS_URL=redis_url, TAVOLA_JWT_SECRET=SECRET.newest.decode())
        presence = EdgePresence(database, manager(database, redis_url))
        fanout = Fanout(database, redis_url, OPENER, presence)
        running = asyncio.create_task(fanout.run())
        router = Router(Directory(database, _Nobody()), SECRET, 1.5, presence)
        services = Services(signing.who, ReconnectionTokens(database, Tokens(SECRET), now_ms), router, fanout, database)
        edge = Edge(settings, SECRET)
        edge._database, edge._services = database, services
        api = RestApi(services, signing.who, Lobby(database, here), NO_LIMITS)
        app = Starlette(routes=[Route("/readyz", edge.readyz), *api.routes()])
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://edge.test") as client:
            yield Asked(client, asked(database), edge)
        router.close()
        await presence.people.online.close()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


class _Nobody:
    async def start_actor(self, avoid: str | None = None) -> None:
        raise AssertionError("nothing is placed here")


async def test_readyz_asks_postgres_once_a_moment_for_all(database_url: str, redis_url: str) -> None:
    async with proxied(database_url) as proxy, an_edge(proxy.url, redis_url) as at:
        replies = await asyncio.gather(*(at.client.get("/readyz") for _ in range(200)))
        assert {reply.status_code for reply in replies} == {200}
        assert at.queries == ["ping"]
        assert READY_FOR_S <= 1.0
        proxy.go_away()
        async with asyncio.timeout(20):
            while (await at.client.get("/readyz")).status_code != 503:
                pass
        proxy.come_back()
        async with asyncio.timeout(20):
            while (await at.client.get("/readyz")).status_code != 200:
                pass
        at.edge.draining = True
        assert (await at.client.get("/readyz")).status_code == 503, "that is never old"


async def test_documents_are_made_once(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    document = openapi.document

    def counted(endpoints: Any) -> Any:
        made.append(1)
        return document(endpoints)

    monkeypatch.setattr(openapi, "document", counted)

    async with an_edge(database_url, redis_url) as at:
        bodies = {(await at.client.get("/api/openapi.json")).content for _ in range(20)}
        assert len(bodies) == 1
        assert "/api/rooms" in json.loads(bodies.pop())["paths"]
        assert len(made) == 1
