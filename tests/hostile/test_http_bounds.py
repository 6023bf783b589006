"""The most that one request can take of an edge, and one address: bytes, time, connections; and whose word counts for
whose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kit.wire import PING, PONG, Served, Wire, client_frame, serving
from tavola.actors.wire.messages import Refusal
from tavola.edge.rest import bounded_http
from tavola.edge.rest.rest import read, refusal

HEAD = b"GET /who HTTP/1.1\r\nhost: here\r\n"
WHO = HEAD + b"\r\n"
POST = b"POST /read HTTP/1.1\r\nhost: here\r\n"
BODY = POST + b"content-length: 5\r\n\r\n"
LARGE = bytes(32 << 20)


async def who(request: Request) -> Response:
    assert request.client is not None
    return Response(f"{request.url.scheme} {request.client.host}")


async def large(request: Request) -> Response:
    return Response(LARGE)


async def body(request: Request) -> Response:
    found = await read(request)
    return refusal(found) if isinstance(found, Refusal) else Response("read")


ROUTES = (Route("/who", who), Route("/large", large), Route("/read", body, methods=["POST"]))


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serving(*ROUTES) as served:
        yield served


def asked(wire: Wire, request: bytes = WHO) -> str:
    """The status of the answer to it, and its body."""
    wire.send(request)
    head = wire.head()
    size = int(head.lower().partition("content-length: ")[2].split("\r\n")[0])
    return f"{head.split(' ')[1]} {wire.take(size).decode()}"


def refused(wire: Wire) -> str:
    """The status with which it is refused and closed; `cut` if that came without a word, or too late to be heard."""
    said = wire.rest().decode()
    return said.split(" ")[1] if said else "cut"


# Bytes


def test_an_ordinary_request_is_answered(server: Served) -> None:
    with Wire(server.port) as wire:
        for _ in range(3):
            assert asked(wire) == "200 http 127.0.0.1"
        assert asked(wire, HEAD + b"cookie: %s\r\n\r\n" % (b"x" * 30_000)).startswith("200")
        assert asked(wire, HEAD + b"x: y\r\n" * 99 + b"\r\n").startswith("200")


@pytest.mark.parametrize(
    ("begun", "goes_on", "status"),
    [
        (HEAD + b"x: ", b"y", "431"),
        (HEAD, b"x: y\r\n", "431"),
        (b"GET /", b"y", "431"),
        (b"GET /who?", b"y=z&", "431"),
        (b"", b"\r\n", "431"),
        (POST + b"content-length: 100000000\r\n\r\n", b"y", "413"),
        (POST + b"transfer-encoding: chunked\r\n\r\n", b"1\r\ny\r\n", "413"),
        (POST + b"transfer-encoding: chunked\r\n\r\n1;", b"y", "413"),
        (POST + b"transfer-encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n", "431"),
    ],
    ids=["a header", "headers", "a path", "a query", "empty lines", "a body", "chunks", "a chunk's head", "trailers"],
)
def test_what_has_no_end_is_cut(server: Served, begun: bytes, goes_on: bytes, status: str) -> None:
    piece = goes_on * (60_000 // len(goes_on))
    with Wire(server.port) as wire:
        wire.send(begun)
        assert wire.floods(piece, 2000) < 600, "of 120 MB most could not be written"
        assert refused(wire) in (status, "cut")
    server.until(lambda: not server.state.tasks)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (HEAD + b"x: %s\r\n\r\n" % (b"y" * 33_000), "431"),
        (HEAD + b"x: y\r\n" * 100 + b"\r\n", "431"),
        (b"GET /%s HTTP/1.1\r\n\r\n" % (b"y" * 33_000), "431"),
        (b"nonsense\r\n\r\n", "400"),
        (b"CONNECT here:80 HTTP/1.1\r\n\r\n", "400"),
    ],
    ids=["a header", "headers", "a path", "nonsense", "no path"],
)
def test_what_is_refused_is_told_so_and_nothing_is_logged(
    server: Served, request_: bytes, status: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with Wire(server.port) as wire:
        wire.hangs_up(request_)
        assert refused(wire) in ((status,) if len(request_) < 4096 else (status, "cut"))
    told = capfd.readouterr()
    assert told.out + told.err == ""


def test_a_handshake_that_the_librarys_parser_does_not_take_is_not_left_open(server: Served) -> None:
    with Wire(server.port) as wire:
        assert wire.opens(headers=f"x: {'y' * 9000}\r\n").startswith("HTTP/1.1 431 ")
        assert wire.rest() is not None


def test_requests_sent_before_the_first_is_answered_are_few() -> None:
    """They were all kept, however many came at once."""
    calls: list[Request] = []

    async def there(request: Request) -> Response:
        calls.append(request)
        return Response("there")

    with serving(Route("/", there)) as served, Wire(served.port) as wire:
        wire.send(b"GET / HTTP/1.1\r\n\r\n" * 10_000)
        assert refused(wire) in ("400", "cut")
        assert len(calls) <= bounded_http.PIPELINE_LIMIT + 1


def test_a_body_that_is_too_large_is_refused_as_long_as_it_is_not_huge(server: Served) -> None:
    with Wire(server.port) as wire:
        for size in (0, 100, 33_000, 100_000, 100):
            answer = asked(wire, POST + b"content-length: %d\r\n\r\n" % size + b" " * size)
            assert answer.startswith("413" if size > 32_768 else "400" if size else "200")


# Time


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"G",
        b"\r\n",
        HEAD,
        HEAD + b"x: ",
        BODY,
        BODY + b"1",
    ],
    ids=["nothing", "a letter", "an empty line", "half a head", "half a header", "no body", "half a body"],
)
@pytest.mark.parametrize("before", [b"", WHO], ids=["at first", "after an answer"])
def test_a_client_that_says_no_more_is_not_waited_for(
    server: Served, monkeypatch: pytest.MonkeyPatch, before: bytes, begun: bytes
) -> None:
    monkeypatch.setattr(bounded_http, "WITHIN_S", 0.2)
    with Wire(server.port) as wire:
        wire.send(before + begun)
        assert wire.rest().count(b"HTTP/1.1") == bool(before)


def test_a_client_that_does_not_read_is_not_waited_for(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "STALLED_S", 0.2)
    with Wire(server.port) as wire:
        wire.send(HEAD.replace(b"who", b"large") + b"\r\n")
        server.until(lambda: not server.state.connections)
        assert 0 < len(wire.rest()) < len(LARGE)


# Connections


def test_one_address_has_so_many_connections_and_others_theirs() -> None:
    with serving(*ROUTES, connections_per_address=3) as served, ExitStack() as open_:
        sockets = [open_.enter_context(Wire(served.port)) for _ in range(2)]
        assert all(wire.opens().startswith("HTTP/1.1 101 ") for wire in sockets)
        third = open_.enter_context(Wire(served.port))
        assert asked(third).startswith("200")
        with Wire(served.port) as fourth:
            assert refused(fourth) in ("429", "cut")
        with Wire(served.port, "127.0.0.2") as other:
            assert asked(other).startswith("200")
        sockets[0].hangs_up()
        assert sockets[0].rest() == b""
        with Wire(served.port) as again:
            assert asked(again).startswith("200"), "whose connection ended has room for another"
        sockets[1].send(client_frame(PING))
        assert sockets[1].frame() == (PONG, b"")


def test_behind_a_proxy_sockets_are_counted_by_where_they_come_from() -> None:
    with serving(*ROUTES, connections_per_address=2, trusted_proxies=("127.0.0.1",)) as served, ExitStack() as open_:
        for host, status in (("9.9.9.9", 101), ("9.9.9.9", 101), ("8.8.8.8", 101), ("9.9.9.9", 429), ("8.8.8.8", 101)):
            wire = open_.enter_context(Wire(served.port))
            assert wire.opens(headers=f"x-forwarded-for: {host}\r\n").startswith(f"HTTP/1.1 {status} ")
        for number in range(8):
            wire = open_.enter_context(Wire(served.port))
            assert asked(wire, HEAD + b"x-forwarded-for: 7.7.7.%d\r\n\r\n" % number) == f"200 http 7.7.7.{number}"


def test_hosts_of_one_network_with_ipv6_are_one_address() -> None:
    with serving(connections_per_address=1, trusted_proxies=("127.0.0.0/8",)) as served, ExitStack() as open_:
        for host, status in (("2001:db8::1", 101), ("2001:db8::2", 429), ("2001:db8:0:1::1", 101)):
            wire = open_.enter_context(Wire(served.port))
            assert wire.opens(headers=f"x-forwarded-for: {host}\r\n").startswith(f"HTTP/1.1 {status} ")


# Proxies and their word

CLAIM = b"x-forwarded-for: 9.9.9.9\r\nx-forwarded-proto: https\r\n\r\n"


def test_nobody_says_where_they_come_from_unless_they_were_named(server: Served) -> None:
    with Wire(server.port) as wire:
        assert asked(wire, HEAD + CLAIM) == "200 http 127.0.0.1"


def test_a_proxy_that_was_named_says_it() -> None:
    with (
        serving(*ROUTES, trusted_proxies=("127.0.0.2",)) as served,
        Wire(served.port) as stranger,
        Wire(served.port, "127.0.0.2") as proxy,
    ):
        assert asked(stranger, HEAD + CLAIM) == "200 http 127.0.0.1"
        assert asked(proxy, HEAD + CLAIM) == "200 https 9.9.9.9"
        assert asked(proxy, HEAD + b"x-forwarded-for: 1.1.1.1, 9.9.9.9\r\n\r\n") == "200 http 9.9.9.9"


# Lines


def test_a_broken_off_upload_is_one_line(server: Served, capfd: pytest.CaptureFixture[str]) -> None:
    with Wire(server.port) as wire:
        wire.send(POST + b"content-length: 30000\r\n\r\nbegun")
        wire.hangs_up()
        assert wire.rest() == b""
        server.until(lambda: not server.state.tasks)
    told = capfd.readouterr()
    assert (told.out + told.err).count("\n") == 1
    assert "api.broken_off" in told.out
