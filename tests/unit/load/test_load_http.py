"""The small HTTP client against a server of plain bytes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import uvloop

from tavola.client.api import ApiClient, ClientIdentity, RequestRefused
from tavola.load.transport.http_client import ConnectionDropped, Http

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nX-Seen: yes\r\n\r\nhi"


@contextlib.asynccontextmanager
async def answering(*connections: list[bytes]) -> AsyncIterator[tuple[Http, list[bytes]]]:
    """A server that gives each connection's answers in turn, one a request, and then hangs up."""
    requests: list[bytes] = []
    waiting = iter(connections)
    handlers: list[asyncio.Task[None]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.append(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            for answer in next(waiting):
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                requests.append(head + await reader.readexactly(size))
                writer.write(answer)
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with Http(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout_s=5) as http:
        yield http, requests
    server.close()
    await asyncio.gather(*handlers)
    await server.wait_closed()


def test_a_connection_is_kept_and_used_again() -> None:
    async def scene() -> None:
        async with answering([OK, OK]) as (http, requests):
            for _ in range(2):
                reply = await http.request("POST", "/a?b=c", b"{}", {"Authorization": "Bearer x"})
                assert (reply.status, reply.body, reply.headers["x-seen"]) == (200, b"hi", "yes")
            assert requests[0].startswith(b"POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:")
            assert requests[0].endswith(b"Authorization: Bearer x\r\n\r\n{}")

    uvloop.run(scene())


def test_chunks_and_connections_that_are_not_kept() -> None:
    chunked = (
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    )

    async def scene() -> None:
        async with answering([chunked], [OK]) as (http, _):
            assert (await http.request("GET", "/")).body == b"abc"
            assert (await http.request("GET", "/")).body == b"hi"

    uvloop.run(scene())


def test_a_view_is_fetched_again_when_the_kept_connection_was_dropped() -> None:
    async def scene() -> None:
        async with answering([OK, b""], [OK]) as (http, requests):
            await http.request("GET", "/1")
            assert (await http.request("GET", "/2")).status == 200
            assert len(requests) == 3

    uvloop.run(scene())


def test_what_may_have_been_carried_out_is_not_sent_twice() -> None:
    async def scene() -> None:
        async with answering([OK, b""]) as (http, _):
            await http.request("GET", "/1")
            with pytest.raises(ConnectionDropped):
                await http.request("POST", "/2")

    uvloop.run(scene())


def test_refused_for_now_is_asked_again_with_the_same_key() -> None:
    busy = b'{"error":{"code":"overloaded","message":"Later.","retry_after_ms":1}}'
    refused = b"HTTP/1.1 503 Away\r\nContent-Length: %d\r\n\r\n%b" % (len(busy), busy)
    room = b'HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n{"id":"r"} '.strip()

    async def scene() -> None:
        async with answering([refused, room]) as (http, requests):
            assert await ApiClient(http).create_room(ClientIdentity("u", "Ada", "t"), {"game": "holdem"}) == {"id": "r"}
            keys = [request.split(b"Idempotency-Key: ")[1].split(b"\r\n")[0] for request in requests]
            assert keys[0] == keys[1]

    uvloop.run(scene())


def test_a_refusal_has_its_code() -> None:
    body = b'{"error":{"code":"room_full","message":"Full.","details":{"retry_after_ms":9}}}'
    refused = b"HTTP/1.1 409 Conflict\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    async def scene() -> None:
        async with answering([refused, b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n"]) as (http, _):
            api = ApiClient(http)
            for code in ("room_full", "http_404"):
                with pytest.raises(RequestRefused) as error:
                    await api.join("r", ClientIdentity("u", "Ada", "t"))
                assert error.value.code == code

    uvloop.run(scene())


def test_who_signs_in_keeps_the_cookie_and_renews_with_it() -> None:
    def session(user: bytes, cookie: bytes = b"") -> bytes:
        body = b'{"user_id":"%b","display_name":"Ada","token":"t2"}' % user
        return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (cookie, len(body), body)

    cookie = b"Set-Cookie: tavola_session=abc; HttpOnly; SameSite=Lax\r\n"

    async def scene() -> None:
        answers = [session(b"u", cookie), session(b"u"), session(b"other")]
        async with answering(answers) as (http, requests):
            api = ApiClient(http)
            identity = await api.sign_in("Ada")
            assert identity.session == "abc"
            assert (await api.renew(identity)).session == "abc"
            assert b"Cookie: tavola_session=abc\r\n" in requests[1]
            with pytest.raises(RequestRefused, match="unauthenticated"):
                await api.renew(identity)

    uvloop.run(scene())
