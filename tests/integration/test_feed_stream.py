"""The feed as a stream: every update as it happens, a sign of life when there is none, an end when its reader may no
longer hear it or its edge goes, and no more streams than an edge takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from kit.talk import TalkingRooms, rooms
from kit.waiting import Pulse
from tavola.actors.errands.doing import here
from tavola.actors.wire.commands import SERVICE, UserId
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import TOKEN_INVALID
from tavola.edge.feed import feed_api
from tavola.edge.feed.feed_api import Feeds
from tavola.edge.identity.auth import Identity
from tavola.edge.rest.lobby import Lobby
from tavola.edge.rest.rest import RestRouter
from tavola.storage.postgres import Database


class Door:
    """The feed of one edge, with a reader who may have it for as long as `allowed`."""

    def __init__(self, database: Database) -> None:
        self.allowed = True
        self.feeds = Feeds(database, self._who)
        self.app = Starlette(routes=RestRouter(self._who, Lobby(database, here)).routes(self.feeds.endpoints()))

    async def _who(self, request: object) -> Identity | Refusal:
        scopes = frozenset({"feed"})
        return Identity(UserId(f"{SERVICE}shop"), "shop", 2**40, 0, "shop", scopes) if self.allowed else TOKEN_INVALID


class Stream:
    """One reader's, as ASGI has it."""

    def __init__(self, door: Door, **headers: str) -> None:
        self.text = b""
        self.status = 0
        self.ended = False
        self.pulse = Pulse()
        self._gone = asyncio.Event()
        self._asked = False
        given = {"accept": "text/event-stream", **{name.replace("_", "-"): value for name, value in headers.items()}}
        scope = {
            **{"type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "root_path": ""},
            **{"path": "/api/feed", "raw_path": b"/api/feed", "query_string": b"", "client": ("127.0.0.1", 1)},
            **{"server": ("edge.test", 80), "headers": [(k.encode(), v.encode()) for k, v in given.items()]},
        }
        self.task = asyncio.create_task(door.app(scope, self._receive, self._send))

    async def _receive(self) -> Any:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.text += message["body"]
            self.ended = not message.get("more_body", False)
        self.pulse.beat()

    @property
    def updates(self) -> list[tuple[str, str, int]]:
        """(id, room, seq) of each."""
        told = []
        for each in self.text.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in each.split("\n") if ": " in line)
            if "data" in fields:
                update = msgspec.json.decode(fields["data"])
                told.append((fields["id"], update["room"], update["seq"]))
        return told

    async def has(self, count: int) -> None:
        await self.pulse.until(lambda: len(self.updates) >= count)

    async def goes(self) -> None:
        self._gone.set()
        await self.task


@asynccontextmanager
async def streaming(database_url: str) -> AsyncIterator[tuple[TalkingRooms, Door]]:
    async with rooms(database_url) as r:
        door = Door(r.database)
        yield r, door
        assert door.feeds.streams == 0, "none is left over"


async def test_as_it_happens(database_url: str) -> None:
    async with streaming(database_url) as (r, door):
        room = await r.opens()
        await r.talk(room, 2)
        one = Stream(door)
        await one.has(3)
        await r.talk(room, 2)
        await one.has(5)
        assert [seq for _, _, seq in one.updates] == [1, 2, 3, 4, 5]
        await one.goes()


async def test_from_any_event_on(database_url: str) -> None:
    async with streaming(database_url) as (r, door):
        for _ in range(3):
            await r.talk(await r.opens(), 2)
        first = Stream(door)
        await first.has(9)
        await first.goes()
        for number, (place, _, _) in enumerate(first.updates[:-1]):
            again = Stream(door, last_event_id=place)
            await again.has(8 - number)
            assert again.updates == first.updates[number + 1 :]
            await again.goes()


async def test_a_sign_of_life_and_an_end(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_api, "HEARTBEAT_S", 0.1)
    async with streaming(database_url) as (_, door):
        stream = Stream(door)
        await stream.pulse.until(lambda: stream.text.count(b": here\n\n") >= 2)
        door.allowed = False
        await stream.pulse.until(lambda: stream.ended)
        await stream.task


async def test_the_edge_goes(database_url: str) -> None:
    async with streaming(database_url) as (_, door):
        stream = Stream(door)
        await stream.pulse.until(lambda: stream.text)
        door.feeds.end()
        await stream.pulse.until(lambda: stream.ended)
        await stream.task
        async with httpx.AsyncClient(transport=httpx.ASGITransport(door.app), base_url="http://edge.test") as http:
            refused = await http.get("/api/feed", headers={"Accept": "text/event-stream"})
            assert refused.json()["error"]["code"] == "overloaded"
            assert (await http.get("/api/feed")).status_code == 200


async def test_so_many_and_no_more(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_api, "STREAMS_LIMIT", 2)
    async with streaming(database_url) as (_, door):
        held = [Stream(door), Stream(door)]
        for stream in held:
            await stream.pulse.until(lambda stream=stream: stream.text)  # type: ignore[misc]
        third = Stream(door)
        await third.task
        assert third.status == 503
        await held[0].goes()
        fourth = Stream(door)
        await fourth.pulse.until(lambda: fourth.text)
        assert fourth.status == 200
        for stream in (held[1], fourth):
            await stream.goes()
