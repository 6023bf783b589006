"""Clients that come back with what they were given, and sockets that say whatever they are told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from kit.client import Json, Player

WITHIN_S = 40.0


class Raw:
    """One socket. Frames are told as they come."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.heard: list[Json] = []

    async def say(self, *frames: Json) -> None:
        """All at once, so that the later ones are there before the first is answered."""
        for frame in frames:
            self.socket.protocol.send_text(json.dumps(frame).encode())
        self.socket.send_data()

    async def hear(self, kind: str) -> Json:
        """The next frame of that kind; what comes before it is kept in `heard`."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                frame: Json = json.loads(await self.socket.recv())
                self.heard.append(frame)
                if frame["type"] == kind:
                    return frame

    async def closed(self) -> int | None:
        """The code with which it is closed, once what came before is heard."""
        async with asyncio.timeout(WITHIN_S):
            try:
                while True:
                    self.heard.append(json.loads(await self.socket.recv()))
            except ConnectionClosed:
                return self.socket.close_code

    async def turned_away(self, **held: Any) -> tuple[str, int | None]:
        """With which code `authenticate` is refused, and the socket closed."""
        await self.say({"type": "authenticate", **held})
        refused = await self.hear("error")
        return refused["code"], await self.closed()


@asynccontextmanager
async def raw(url: str, cookie: str | None = None) -> AsyncIterator[Raw]:
    headers = {"Cookie": cookie} if cookie else {}
    async with connect(
        url.replace("http", "ws", 1) + "/ws",
        subprotocols=[Subprotocol("tavola.v1")],
        additional_headers=headers,
        proxy=None,
        max_size=None,
    ) as socket:
        yield Raw(socket)


class Returning(Player):
    """A player who knows what they were given, and comes back with nothing else."""

    def given(self, name: str) -> str:
        """The `rejoin_token` or the `seat_token` that came last."""
        for text in reversed(self.frames):
            frame = json.loads(text)
            places = (frame, frame.get("view", {}).get("me", {}), *reversed(frame.get("updates", [])))
            for place in places:
                if place.get(name):
                    return str(place[name])
        raise AssertionError(f"{self.who.name} was given no {name}")

    async def back(self, url: str, *, refreshed: bool = False, **held: str) -> Json:
        """Connect with what they hold alone (their last rejoin token, if nothing is said), and nothing else. A page
        that was `refreshed` remembers no more. Gives the `authenticated`."""
        held = held or {"rejoin_token": self.given("rejoin_token")}
        await self.leave()
        self.closed, self.url = None, url
        if refreshed:
            self.view, self.seq, self.hydrations = {}, -1, 0
            self.numbers.clear()
        after = {"after": {self.room: self.seq}} if self.seq >= 0 else {}
        socket = self._socket = await connect(
            url.replace("http", "ws", 1) + "/ws", subprotocols=[Subprotocol("tavola.v1")], proxy=None, max_size=None
        )
        self._reader = asyncio.create_task(self._read(socket))
        self._beats = asyncio.create_task(self._beat(socket))
        joined = len(self.frames)
        await socket.send(json.dumps({"type": "authenticate", **held, **after}))
        await self.until(
            lambda: any(f.startswith(('{"type":"hydrated"', '{"type":"updates"')) for f in self.frames[joined:]), "back"
        )
        welcome: Json = json.loads(self.frames[joined])
        assert welcome["type"] == "authenticated", welcome
        return welcome
