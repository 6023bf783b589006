"""`GET /api/feed`: all that happened in all rooms, or one game's, in pages or as it happens (Server-Sent Events)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tavola.actors.wire.messages import Refusal
from tavola.edge.feed import cursor as cursors
from tavola.edge.feed import reader
from tavola.edge.feed.cursor import Cursor
from tavola.edge.feed.updates import FedUpdate, fed
from tavola.edge.identity.auth import Identity
from tavola.edge.rest.rest import Answer, Call, Endpoint
from tavola.storage.postgres import Database, StorageUnavailable
from tavola.storage.rows import Row

log = structlog.get_logger()

STREAMS_LIMIT = 16
"""Streams that an edge has at once; one more is refused `overloaded`."""
PAGE_LIMIT = 1000
AT_ONCE = 200
"""Updates that a stream reads at a time, and that may wait for its reader, beside what the kernel holds."""
LOOK_S = 0.25
"""How long a stream waits, when there is nothing new, before it looks again..."""
SHARE = 20
"""...and that many times as long as looking took: so a stream takes a twentieth of a core at most, of Postgres's."""
AWAY_S = 1.0
HEARTBEAT_S = 15.0
"""A stream says something so often, and as often it is asked whether its reader may still hear it."""
AGAIN_MS = 1000
"""After so long a reader comes back whose stream broke off."""
EVENT_STREAM = "text/event-stream"
NOW = "now"
NO_CURSOR = Refusal("invalid_message", "`after` is no cursor of the feed.")
FULL = Refusal("overloaded", "This edge has as many feeds as it takes.", None, 5000)

Allowed = Callable[[Request], Awaitable[Identity | Refusal]]


class FeedAsked(msgspec.Struct, frozen=True):
    after: (
        Annotated[
            str,
            msgspec.Meta(
                max_length=cursors.LENGTH_LIMIT,
                description="The `next` of a page, or the `id` in a stream. `now`: from now on. Not given: from the"
                " first that the log has.",
            ),
        ]
        | None
    ) = None
    game: Annotated[str, msgspec.Meta(max_length=64, description="Of this game's rooms alone.")] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_LIMIT)] = 200


class FeedPage(msgspec.Struct, frozen=True):
    """Each room's updates in order. `next` is the `after` of the next page; `more`: there may be one already."""

    events: list[FedUpdate]
    next: str
    more: bool


class Feeds:
    """An edge's door to the feed, and the streams that it has."""

    def __init__(self, database: Database, allowed: Allowed) -> None:
        """`allowed` says whose a request is."""
        self._database = database
        self._allowed = allowed
        self._ending = asyncio.Event()
        self.streams = 0

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                "GET",
                "/api/feed",
                self._asked,
                "All that happened in all rooms; with `Accept: text/event-stream` as it happens",
                FeedPage,
                query=FeedAsked,
                refusals=("overloaded",),
                operator="look",
                scope="feed",
            )
        ]

    def end(self) -> None:
        """The edge goes: streams end, and their readers come back, to another one."""
        self._ending.set()

    async def _asked(self, call: Call) -> Answer:
        asked: FeedAsked = call.query
        streamed = call.request.method == "GET" and EVENT_STREAM in call.request.headers.get("accept", "")
        after = call.request.headers.get("last-event-id", "") if streamed else ""
        after = after or asked.after or ""
        cursor = await reader.newest(self._database) if after == NOW else cursors.read(after) if after else Cursor()
        if cursor is None:
            return NO_CURSOR
        whole = "log" in call.identity.scopes
        if streamed:
            if self.streams >= STREAMS_LIMIT or self._ending.is_set():
                return FULL
            return FeedStream(self, call.request, cursor, asked.game, whole=whole)
        found = await reader.read(self._database, cursor, asked.game, asked.limit)
        return FeedPage([fed(row, whole=whole) for row, _ in found.rows], found.cursor.text(), found.more)

    async def read(self, cursor: Cursor, game: str | None) -> reader.FeedRead | None:
        """None: Postgres is away."""
        try:
            return await reader.read(self._database, cursor, game, AT_ONCE)
        except StorageUnavailable as error:
            log.warning("feed.storage_unavailable", reason=str(error))
            return None

    async def still_allowed(self, request: Request) -> bool:
        try:
            return not isinstance(await self._allowed(request), Refusal)
        except StorageUnavailable:
            return True

    async def wait(self, seconds: float) -> bool:
        """Whether the edge goes on after so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._ending.wait()
        except TimeoutError:
            return True
        return False


class FeedStream(Response):
    """One reader's stream, until they or the edge go. While Postgres is away it goes on, and says nothing."""

    def __init__(self, feeds: Feeds, request: Request, cursor: Cursor, game: str | None, *, whole: bool) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(None, 200, headers, EVENT_STREAM)
        del self.headers["content-length"]
        self._feeds, self._request = feeds, request
        self._cursor, self._game, self._whole = cursor, game, whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        feeds = self._feeds
        feeds.streams += 1
        tasks = [asyncio.ensure_future(work) for work in (self._told(send), _gone(receive))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except OSError:
            pass  # They went while they were told something.
        finally:
            feeds.streams -= 1
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _told(self, send: Send) -> None:
        async def say(text: bytes, more: bool = True) -> None:
            await send({"type": "http.response.body", "body": text, "more_body": more})

        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await say(b"retry: %d\n\n" % AGAIN_MS)
        said = asked = time.monotonic()
        goes_on = True
        while goes_on:
            began = time.monotonic()
            found = await self._feeds.read(self._cursor, self._game)
            took = time.monotonic() - began
            if found is not None:
                self._cursor = found.cursor
                if found.rows:
                    await say(b"".join(self._event(row, place) for row, place in found.rows))
                    said = time.monotonic()
            if time.monotonic() - asked >= HEARTBEAT_S:
                if not await self._feeds.still_allowed(self._request):
                    break
                asked = time.monotonic()
            if time.monotonic() - said >= HEARTBEAT_S:
                await say(b": here\n\n")
                said = time.monotonic()
            pause = AWAY_S if found is None else 0.0 if found.more else max(LOOK_S, SHARE * took)
            goes_on = await self._feeds.wait(min(pause, HEARTBEAT_S))
        await say(b"", False)

    def _event(self, row: Row, place: Cursor) -> bytes:
        update = fed(row, whole=self._whole)
        return b"id: %b\ndata: %b\n\n" % (place.text().encode(), _encode(update))


async def _gone(receive: Receive) -> None:
    """Until the reader has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


_encode = msgspec.json.Encoder().encode
