"""The checks of a request before its handler sees it, and how answers look."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from tavola.actors.wire.commands import RoomId, UserId
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import TOKEN_INVALID, UNAUTHENTICATED
from tavola.edge.common.addresses import party
from tavola.edge.common.limits import PerMinute, Rates
from tavola.edge.identity.auth import Identity
from tavola.edge.rest.rest import (
    ADDRESS_BURST,
    USER_BURST,
    USER_RATE,
    Answer,
    Call,
    Endpoint,
    RestReply,
    RestRouter,
    not_there,
)
from tavola.storage.postgres import Conflict, StorageUnavailable

ROOM = RoomId("r_1")


class Body(msgspec.Struct):
    count: int
    name: Annotated[str, msgspec.Meta(max_length=3)] | None = None


class Query(msgspec.Struct):
    limit: Annotated[int, msgspec.Meta(ge=0)] = 7
    open: bool = False
    game: str | None = None


class Told(msgspec.Struct):
    user: str | None = None
    room: str = ""
    code: str = ""
    key: str | None = None
    body: Body | None = None
    fields: list[str] = []
    query: Query | None = None


async def tell(call: Call) -> Answer:
    user = None if isinstance(call.who, Refusal) else call.who.user
    return Told(user, call.room, call.code, call.key, call.body, sorted(call.fields), call.query)


class Codes:
    async def find(self, code: str) -> tuple[RoomId, bool] | None:
        return {"CODE": (ROOM, False), "SECRET": (ROOM, True)}.get(code.upper())

    async def knows(self, room: RoomId, user: UserId) -> bool:
        return user == "bob"

    async def removed(self, room: RoomId) -> bool:
        return False


def at_once(request: Request) -> Identity | None:
    """The bearer's token is their name; a name without a bearer must be looked up."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return Identity(UserId(token), token, 0) if scheme == "Bearer" and token not in ("", "bad") else None


class Looked:
    """Looks up who they are, and counts how often it was asked to."""

    def __init__(self) -> None:
        self.up = 0

    async def __call__(self, request: Request) -> Identity | Refusal:
        self.up += 1
        _, _, token = request.headers.get("authorization", "").partition(" ")
        if not token:
            return UNAUTHENTICATED
        return TOKEN_INVALID if token == "bad" else Identity(UserId(token), token, 0)


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def failing(error: Exception) -> Callable[[Call], Any]:
    async def handler(call: Call) -> Answer:
        raise error

    return handler


async def with_headers(call: Call) -> Answer:
    return RestReply(b'{"raw":true}', {"X-Told": "yes"})


async def refuse(call: Call) -> Answer:
    return Refusal("overloaded", "Too much.", {"why": "x"}, 1001)


ENDPOINTS = [
    Endpoint("GET", "/tell", tell, "", Told, query=Query),
    Endpoint("POST", "/tell", tell, "", Told, body=Body, status=201),
    Endpoint("GET", "/open", tell, "", Told, open=True),
    Endpoint("GET", "/rooms/{room}", tell, "", Told),
    Endpoint("GET", "/headers", with_headers, "", Told),
    Endpoint("GET", "/refuse", refuse, "", Told),
    Endpoint("GET", "/away", failing(StorageUnavailable("why", unknown=True)), "", Told),
    Endpoint("GET", "/conflict", failing(Conflict("some_constraint")), "", Told),
]


@asynccontextmanager
async def client(clock: Time | None = None, looked: Looked | None = None) -> AsyncIterator[httpx.AsyncClient]:
    routes = RestRouter(looked or Looked(), Codes(), clock or Time(), at_once=at_once).routes(ENDPOINTS)
    app = Starlette(routes=routes, exception_handlers={404: not_there, 405: not_there})
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://edge", headers={"Authorization": "Bearer ann"}
    ) as one:
        yield one


def code_of(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


async def test_who_is_told() -> None:
    async with client() as http:
        assert (await http.get("/tell")).json()["user"] == "ann"
        for path, token, expected in (
            ("/tell", "", (401, "unauthenticated")),
            ("/tell", "Bearer bad", (401, "token_invalid")),
            ("/open", "Bearer bad", (401, "token_invalid")),
        ):
            assert code_of(await http.get(path, headers={"Authorization": token})) == expected
        assert (await http.get("/open", headers={"Authorization": ""})).json()["user"] is None
        assert (await http.get("/open")).json()["user"] == "ann"


async def test_bodies() -> None:
    async with client() as http:
        made = await http.post("/tell", json={"count": 1, "other": {"deep": [1]}})
        assert made.status_code == 201
        assert made.json()["body"] == {"count": 1, "name": None}
        assert made.json()["fields"] == ["count", "other"], "what the type does not know is handed on apart"
        for body, said in (
            (b"", "count"),
            (b"{}", "count"),
            (b'{"count":"1"}', "body.count"),
            (b'{"count":1,"name":"anna"}', "body.name"),
            (b"[1]", "JSON object"),
            (b"{", "JSON object"),
            (b"\xff", "JSON object"),
            (b'{"a":' * 3000 + b"1" + b"}" * 3000, ""),
        ):
            reply = await http.post("/tell", content=body)
            assert code_of(reply) == (400, "invalid_message"), body[:50]
            assert said in reply.json()["error"]["message"]
        large = await http.post("/tell", json={"count": 1, "fill": "x" * 32 * 1024})
        assert code_of(large) == (413, "message_too_large")


async def test_queries() -> None:
    async with client() as http:
        for query, expected in (
            ("", {"limit": 7, "open": False, "game": None}),
            ("limit=&open=&game=", {"limit": 7, "open": False, "game": None}),
            ("limit=3&open=true&game=12&other=x", {"limit": 3, "open": True, "game": "12"}),
        ):
            assert (await http.get(f"/tell?{query}")).json()["query"] == expected
        for query in ("limit=x", "limit=-1", "limit=1.5", "limit=" + "9" * 5000, "open=maybe"):
            reply = await http.get(f"/tell?{query}")
            assert code_of(reply) == (400, "invalid_message"), query[:20]
            assert f"query.{query.partition('=')[0]}" in reply.json()["error"]["message"]


async def test_rooms_by_id_and_by_code() -> None:
    async with client() as http:
        assert (await http.get("/rooms/r_7")).json()["room"] == "r_7"
        by_code = (await http.get("/rooms/code")).json()
        assert (by_code["room"], by_code["code"]) == (ROOM, "CODE")
        for room in ("nocode", "%00", "r_%0a", "x" * 65):
            assert code_of(await http.get(f"/rooms/{room}")) == (404, "room_not_found"), room


async def test_codes_are_not_found_by_trying() -> None:
    """After twenty wrong ones a private room's code is answered as if it were one, by user and by address."""

    clock = Time()
    async with client(clock) as http:
        for number in range(20):
            assert code_of(await http.get(f"/rooms/wrong{number}")) == (404, "room_not_found")
        for named in ("wrong20", "secret"):
            reply = await http.get(f"/rooms/{named}")
            assert code_of(reply) == (429, "rate_limited")
            assert reply.json()["error"]["retry_after_ms"] == 6000
            other = await http.get(f"/rooms/{named}", headers={"Authorization": "Bearer cid"})
            assert code_of(other) == (429, "rate_limited"), "from the same address"
        assert (await http.get("/rooms/code")).json()["room"] == ROOM, "public rooms are in the lobby"
        member = await http.get("/rooms/secret", headers={"Authorization": "Bearer bob"})
        assert member.json()["room"] == ROOM, "who has a part in it may always come in"
        clock.now += 6.1
        assert (await http.get("/rooms/secret")).json()["code"] == "SECRET"


@pytest.mark.parametrize("key", ["x" * 65, "a\tb", "\x7f"])
async def test_keys_that_are_no_ids(key: str) -> None:
    async with client() as http:
        reply = await http.get("/tell", headers={"Idempotency-Key": key})
        assert code_of(reply) == (400, "invalid_message")
        assert (await http.get("/tell", headers={"Idempotency-Key": "mine"})).json()["key"] == "mine"


async def test_answers() -> None:
    async with client() as http:
        reply = await http.get("/headers")
        assert (reply.json(), reply.headers["x-told"]) == ({"raw": True}, "yes")
        no = await http.get("/refuse")
        error = {"code": "overloaded", "message": "Too much.", "details": {"why": "x"}, "retry_after_ms": 1001}
        assert (no.status_code, no.json(), no.headers["retry-after"]) == (503, {"error": error}, "2")
        assert code_of(await http.get("/away")) == (503, "storage_unavailable")
        assert code_of(await http.get("/conflict")) == (503, "room_unavailable")
        assert code_of(await http.get("/nowhere")) == (404, "not_found")
        other = await http.put("/tell")
        assert code_of(other) == (405, "not_found")
        assert set(other.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
        assert (await http.head("/tell")).status_code == 200


async def test_who_asks_too_often() -> None:
    time = Time()
    async with client(time) as http:
        codes = [(await http.get("/tell")).status_code for _ in range(int(USER_BURST) + 3)]
        assert codes == [200] * int(USER_BURST) + [429] * 3
        refused = await http.get("/tell")
        assert refused.json()["error"]["code"] == "rate_limited"
        assert refused.json()["error"]["retry_after_ms"] == 1000
        assert (await http.get("/tell", headers={"Authorization": "Bearer ben"})).status_code == 200
        time.now += 1
        codes = [(await http.get("/tell")).status_code for _ in range(int(USER_RATE) + 1)]
        assert codes == [200] * int(USER_RATE) + [429]
        codes = [
            (await http.get("/tell", headers={"Authorization": f"Bearer{bad}"})).status_code
            for bad in (" bad", "") * (int(ADDRESS_BURST) // 2 + 1)
        ]
        assert codes == [401] * int(ADDRESS_BURST) + [429] * 2, "those who are nobody count by their address"


async def test_an_address_is_judged_before_anybody_is_looked_up() -> None:
    time, looked = Time(), Looked()
    async with client(time, looked) as http:
        for n in range(int(ADDRESS_BURST) + 100):
            kept = await http.get("/tell", headers={"Authorization": f"Session {n}"})
        assert code_of(kept) == (429, "rate_limited")
        assert looked.up == ADDRESS_BURST, "those of whom it is known that they ask too much cost no query"
        assert (await http.get("/tell")).status_code == 200, "a token of ours needs no looking up"
        time.now += 1
        assert (await http.get("/tell", headers={"Authorization": "Session ann"})).status_code == 200


def test_so_many_a_minute_all_at_once_if_they_like() -> None:
    three = PerMinute(3)
    assert [three.take("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert three.again_after_ms == 20_000
    assert [three.take("a", 20.0), three.take("a", 20.0), three.take("b", 20.0)] == [True, False, True]
    assert all(PerMinute(0).take("a", 0.0) for _ in range(1000))


def test_of_many_the_one_longest_ago_is_forgotten() -> None:
    rates = Rates(1.0, 1.0, limit=3)
    assert [rates.take(who, 0.0) for who in ("a", "b", "c", "a")] == [True, True, True, False]
    assert rates.take("d", 0.0)
    assert len(rates) == 3
    assert not rates.take("a", 0.0), "who asked lately is remembered"
    assert rates.take("b", 0.0)


def test_ipv6_is_counted_by_network() -> None:
    assert party("2001:db8::1") == party("2001:db8::ffff:1") != party("2001:db8:0:1::1")
    assert party("::ffff:192.0.2.1") == party("192.0.2.1") == "192.0.2.1"
    assert party("testclient") == "testclient"
