"""Pages of other origins at the REST door: those that are named may ask and read, with cookies; others may not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tavola.edge.identity.cors import Cors
from tavola.edge.identity.origins import Origins
from tavola.edge.rest import pages
from tavola.edge.rest.rest import not_there

SITE, EVIL = "https://site.example", "https://evil.example"
NAMED = Origins((SITE, "http://127.0.0.1:8001"))


async def answer(request: Request) -> Response:
    return Response("{}", headers={"Vary": "Cookie"})


@asynccontextmanager
async def edge(origins: Origins = NAMED) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(
        routes=[
            Route("/api/session", answer, methods=["GET", "POST"]),
            Route("/api/admin/rooms", answer),
            Route("/metrics", answer),
            *pages.routes(operator=True),
        ],
        middleware=[Middleware(Cors, origins=origins)],
        exception_handlers={404: not_there, 405: not_there},
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://edge.test") as client:
        yield client


def preflight(origin: str, method: str = "POST") -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type,x-requested-with",
    }


def allowed(reply: httpx.Response) -> dict[str, str]:
    """The headers that tell a browser whose pages may read it."""
    return {name: value for name, value in reply.headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("origin", [SITE, "http://127.0.0.1:8001"])
async def test_a_named_origin_may_ask(origin: str) -> None:
    async with edge() as client:
        reply = await client.options("/api/session", headers=preflight(origin))
        assert (reply.status_code, reply.content) == (204, b"")
        assert reply.headers["access-control-allow-origin"] == origin
        assert reply.headers["access-control-allow-credentials"] == "true"
        asked = {each.strip().lower() for each in reply.headers["access-control-allow-headers"].split(",")}
        assert {"authorization", "content-type", "idempotency-key", "x-requested-with"} <= asked
        assert {"GET", "POST", "DELETE"} <= set(reply.headers["access-control-allow-methods"].split(", "))
        assert "*" not in str(allowed(reply))


@pytest.mark.parametrize("path", ["/api/session", "/static/tavola.js", "/api/nothing"])
async def test_a_named_origin_may_read(path: str) -> None:
    """Refusals too: a page that may ask is told why not."""
    async with edge() as client:
        reply = await client.get(path, headers={"Origin": SITE})
        told = allowed(reply)
        assert told.pop("access-control-expose-headers").split(", ") == ["ETag", "Retry-After"]
        assert told == {"access-control-allow-origin": SITE, "access-control-allow-credentials": "true"}


@pytest.mark.parametrize("origin", [EVIL, "null", "", "https://site.example.evil.example", "http://site.example", "*"])
async def test_another_origin_may_not(origin: str) -> None:
    async with edge() as client:
        assert allowed(await client.get("/api/session", headers={"Origin": origin})) == {}
        asked = await client.options("/api/session", headers=preflight(origin))
        assert asked.status_code in (403, 405)
        assert allowed(asked) == {}
        assert asked.headers["vary"] == "Origin"


@pytest.mark.parametrize("path", ["/api/admin/rooms", "/api/admin", "/metrics", "/", "/admin", "/room/ABCDEFGHJK"])
async def test_the_operators_part_and_the_pages_are_for_no_other_origin(path: str) -> None:
    async with edge() as client:
        assert allowed(await client.get(path, headers={"Origin": SITE})) == {}
        assert allowed(await client.options(path, headers=preflight(SITE, "GET"))) == {}


@pytest.mark.parametrize("origin", [SITE, EVIL, None])
async def test_a_cache_keeps_the_answers_apart(origin: str | None) -> None:
    headers = {"Origin": origin} if origin else {}
    async with edge() as client:
        assert (await client.get("/api/session", headers=headers)).headers["vary"] == "Cookie, Origin"
        assert (await client.get("/static/tavola.js", headers=headers)).headers["vary"] == "Accept-Encoding, Origin"


async def test_what_browsers_have_kept_they_may_still_read() -> None:
    async with edge() as client:
        first = await client.get("/static/tavola.js", headers={"Origin": SITE})
        again = {"Origin": SITE, "If-None-Match": first.headers["etag"]}
        reply = await client.get("/static/tavola.js", headers=again)
        assert (reply.status_code, reply.headers["access-control-allow-origin"]) == (304, SITE)


async def test_without_a_list_there_are_no_other_origins() -> None:
    async with edge(Origins(())) as client:
        reply = await client.get("/api/session", headers={"Origin": "http://edge.test"})
        assert (allowed(reply), reply.headers["vary"]) == ({}, "Cookie")
        assert (await client.options("/api/session", headers=preflight(SITE))).status_code == 405


async def test_pages_may_be_framed_by_those_that_are_named_and_the_operators_by_nobody() -> None:
    named = Starlette(routes=pages.routes(operator=True, framing=[SITE, "https://other.example"]))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(named), base_url="http://edge.test") as client:
        for path in ("/", "/room/ABCDEFGHJK"):
            headers = (await client.get(path)).headers
            assert headers["content-security-policy"].endswith(f"; frame-ancestors {SITE} https://other.example")
            assert "x-frame-options" not in headers
        for path in ("/admin", "/static/tavola.js"):
            headers = (await client.get(path)).headers
            assert headers["content-security-policy"].endswith("; frame-ancestors 'none'")
            assert headers["x-frame-options"] == "DENY"
    async with edge() as client:
        headers = (await client.get("/")).headers
        assert headers["content-security-policy"].endswith("; frame-ancestors 'none'")
        assert headers["x-frame-options"] == "DENY"
