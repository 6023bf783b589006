"""Two players at a table, at a pace that many tables would have, and what they wait for."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator
from random import Random
from typing import Any

from tavola.client.api import ApiClient, ClientIdentity, RequestRefused
from tavola.client.client import HEARTBEAT, Client
from tavola.client.frames import FullFrame, HeartbeatAck, Json, UpdateReceived
from tavola.client.room import FULL, JoinedRoom
from tavola.load.bots.moves import choose
from tavola.load.measure.scenario import AT_ONCE
from tavola.load.measure.stats import Histogram
from tavola.load.transport.http_client import Http
from tavola.load.transport.websocket import dial

GAME = "tictactoe"
MOVE_EVERY_S, BEAT_EVERY_S = 0.03, 0.02
WAITS_S = 0.2


class Noticed:
    """How long moves took to be everywhere, and heartbeats to be answered; how often a connection was lost."""

    def __init__(self) -> None:
        self.moves, self.beats = Histogram(), Histogram()
        self.lost = 0


class Player:
    """One of the two."""

    def __init__(self, url: str, who: ClientIdentity) -> None:
        self.noticed = Noticed()
        self.client: Client[Json, list[Json]] = Client(url, who, FULL, dial=dial)
        self.client.on_frame = self._hears
        self.client.on_lost = self._loses
        self.room: JoinedRoom[Json, list[Json]]
        self.news = asyncio.Event()
        self._beats: deque[float] = deque()

    def beat(self) -> None:
        self._beats.append(time.perf_counter())
        self.client.send(HEARTBEAT)

    def _hears(self, data: bytes, frame: FullFrame) -> None:
        if isinstance(frame, HeartbeatAck) and self._beats:
            self.noticed.beats.record(time.perf_counter() - self._beats.popleft())
        elif isinstance(frame, UpdateReceived):
            self.news.set()

    def _loses(self, code: int, reason: str) -> None:
        self.noticed.lost += 1
        self._beats.clear()


class Pair:
    """Plays and beats within `playing`, and says what it `notices`."""

    def __init__(self, players: list[Player]) -> None:
        self._players = players
        self._chance = Random(1)

    def notices(self) -> Noticed:
        """From now on."""
        noticed = Noticed()
        for player in self._players:
            player.noticed = noticed
        return noticed

    @contextlib.asynccontextmanager
    async def playing(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._play())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _play(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._moves())
            for player in self._players:
                tasks.create_task(self._beats(player))

    async def _beats(self, player: Player) -> None:
        while True:
            player.beat()
            await asyncio.sleep(BEAT_EVERY_S)

    async def _moves(self) -> None:
        while True:
            for player in self._players:
                view = player.room.view
                if view.turn_seat == view.my_seat and view.legal:
                    await self._move(player)
            await asyncio.sleep(MOVE_EVERY_S)

    async def _move(self, player: Player) -> None:
        began, view = time.perf_counter(), player.room.view
        move: dict[str, Any] = choose(self._chance, view.legal)
        with contextlib.suppress(RequestRefused):
            seq = (await player.room.command("act", turn=view.turn_number, **move)).seq
            for each in self._players:
                await self._sees(each, seq)
            player.noticed.moves.record(time.perf_counter() - began)

    async def _sees(self, player: Player, seq: int) -> None:
        while player.room.seq < seq:
            player.news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WAITS_S):
                    await player.news.wait()


@contextlib.asynccontextmanager
async def seated(url: str) -> AsyncIterator[Pair]:
    """A table of two, both seated."""
    async with Http(url) as http, contextlib.AsyncExitStack() as stack:
        api = ApiClient(http)
        people = [await api.sign_in(name) for name in ("Ada", "Bela")]
        wish = {"game": GAME, "approval": "auto", "options": {"turn_seconds": 600, **AT_ONCE[GAME]}}
        room = await api.create_room(people[0], wish)
        players = []
        for seat, who in enumerate(people):
            await api.join(room["id"], who)
            player = Player(url, who)
            await stack.enter_async_context(player.client)
            player.room = await player.client.join(room["id"])
            await player.room.command("take_seat", seat_index=seat)
            players.append(player)
        yield Pair(players)
