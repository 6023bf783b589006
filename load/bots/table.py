"""One table of bots: opened as anybody would open one, played at, left again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack
from random import Random
from typing import Any, TypeVar
from uuid import uuid4

import msgspec

from tavola.client.api import ApiClient, ClientIdentity, RequestRefused
from tavola.client.client import Client
from tavola.client.frames import Json, encode
from tavola.client.room import FULL, LEAN, Depth
from tavola.load.bots.arrivals import Arrivals
from tavola.load.bots.bot import Bot
from tavola.load.bots.checked import CheckedBot
from tavola.load.checks.holdem import Deal
from tavola.load.checks.verdict import CheckRecorder, Verdict
from tavola.load.evidence.recorder import ClientRecorder, Recorder
from tavola.load.measure.scenario import Scenario
from tavola.load.measure.stats import Stats
from tavola.load.transport.websocket import dial

LEAVE_S = 5.0
P = TypeVar("P")
E = TypeVar("E")


class TableDeps(msgspec.Struct):
    """The parts that all tables of a run share."""

    scenario: Scenario
    apis: list[ApiClient]
    """One for each address; tables take turns."""
    stats: Stats
    verdict: Verdict
    tasks: asyncio.TaskGroup
    recorders: dict[str, Recorder]
    """By room."""


class BotTable:
    """`number` names it in the run, `room` on the server. Used as an async context: leaving it closes the sockets."""

    def __init__(self, house: TableDeps, number: int) -> None:
        self.number = number
        self.room = ""
        self.bots: list[Bot[Any, Any]] = []
        self.arrivals = Arrivals(house.stats.everyone_has_it)
        self.idle = True
        self.buy_in: int | None = None
        self.rebuys = True
        self.hands = 0
        self.deal = Deal() if house.scenario.game(number) == "holdem" else None
        self._house = house
        self._api = house.apis[number % len(house.apis)]
        self._chance = Random(f"{house.scenario.seed}/{number}")
        self._sockets = AsyncExitStack()
        self._last_round = 0
        self._recorder: Recorder | None = None
        self._due = 0.0
        """When the last action was due, of those that do not wait for the server."""
        self._slept = False
        """Somebody has let their turn run out since then."""

    async def open(self) -> None:
        """Makes a room and fills it. On return every bot follows it and has a seat. Raises RequestRefused, OSError."""
        api, scenario = self._api, self._house.scenario
        names = [f"Bot {self.number}.{index}" for index in range(scenario.bots + scenario.spectators)]
        identities = await asyncio.gather(*(api.sign_in(name) for name in names))
        room = await api.create_room(identities[0], scenario.room(self.number))
        self.room = room["id"]
        if scenario.record is not None and scenario.checked(self.number):
            self._recorder = Recorder(scenario.record, self.room, scenario.game(self.number))
            self._house.recorders[self.room] = self._recorder
        await asyncio.gather(*(self._join(identity, room["code"]) for identity in identities[1:]))
        await self.fill(identities, room)

    async def fill(self, identities: list[ClientIdentity], room: Json) -> None:
        """Connects those who are admitted to `room`, and seats as many of them as it has seats. Nobody acts yet."""
        self.room = room["id"]
        seats: int = room.get("max_players", len(identities))
        self.bots = [await self._bot(index, identity) for index, identity in enumerate(identities)]
        players = min(seats, len(self.bots) - self._house.scenario.spectators)
        choices = [[*range(index, seats), *range(index)] if index < players else [] for index in range(len(self.bots))]
        first, *others = (bot.enter(self.room, choice) for bot, choice in zip(self.bots, choices, strict=True))
        await first
        # Alone at the table, so this is what they brought; a hand begins with the second.
        self.buy_in = None if self.bots[0].room is None else self.bots[0].room.view.my_chips
        await asyncio.gather(*others)
        self.arrivals.start(len(self.bots), max(bot.room.seq for bot in self.bots if bot.room is not None))

    def play(self) -> None:
        """From now on the bots act."""
        self.idle = False
        self._due = time.perf_counter()
        for bot in self.bots:
            bot.go_on()

    async def last_views(self) -> None:
        """Every bot fetches a full view, for whoever judges what was recorded."""
        if self._recorder is not None:
            async with asyncio.TaskGroup() as tasks:
                for bot in self.bots:
                    tasks.create_task(self._fetch(bot))

    async def leave(self) -> None:
        """Every bot leaves the room, so that nothing is left running on the server. A bot that is refused stays."""
        rooms = [bot.room for bot in self.bots if bot.room is not None and bot.client.forbidden is None]
        async with asyncio.timeout(LEAVE_S):
            await asyncio.gather(*(room.command("leave") for room in rooms), return_exceptions=True)

    @contextlib.asynccontextmanager
    async def second_tab(self, bot: Bot[Any, Any], *, slow: bool = False) -> AsyncIterator[Client[Any, Any]]:
        """One more connection of a bot's user, which follows the room."""
        async with self._client(self.bots.index(bot) + 1, bot.client.identity, LEAN, slow=slow) as client:
            await client.join(self.room, Onlooker())
            yield client

    async def close(self) -> None:
        await self._sockets.aclose()
        if self._recorder is not None:
            self._recorder.close()

    # Calls from the bots

    def due_in_s(self) -> float:
        scenario = self._house.scenario
        if scenario.rate is not None:
            now = time.perf_counter()
            if self._slept:
                self._due, self._slept = max(self._due, now), False
            self._due += self._chance.expovariate(scenario.rate)
            return self._due - now
        least, most = scenario.think_s
        return self._chance.uniform(least, most) if most else 0.0

    def slept(self) -> None:
        self._slept = True

    def acted(self, seq: int, due_at: float) -> None:
        self._house.stats.acted(time.perf_counter() - due_at)
        self.arrivals.acked(seq, due_at)

    def refused(self, code: str) -> None:
        self._house.stats.refused(code)

    def lost(self, code: int, url: str) -> None:
        self._house.stats.lost(code, url)

    def came_back(self, seconds: float, whole: bool) -> None:
        self._house.stats.came_back(seconds, whole, at_rest=self.idle)

    def round_ended(self, seq: int) -> None:
        if seq <= self._last_round:
            return
        self._last_round = seq
        self._house.stats.hand_ended()
        if self._house.stats.measuring:
            self.hands += 1
            if self.hands == self._house.scenario.hands:
                self.idle = True

    def whose_comparison(self, seq: int) -> int | None:
        """In a sample they take turns: a fresh view costs the server more than an action does."""
        return seq % len(self.bots) if self._house.scenario.check == "sample" else None

    def compare(self, comparing: Coroutine[Any, Any, None]) -> None:
        self._house.tasks.create_task(comparing)

    # Inside

    async def _bot(self, index: int, identity: ClientIdentity) -> Bot[Any, Any]:
        house, scenario = self._house, self._house.scenario
        chance = Random(f"{scenario.seed}/{self.number}/{index}")
        witness = CheckRecorder(house.verdict, self.room, identity.display_name)
        if scenario.record is not None or not scenario.checked(self.number):
            lean = await self._sockets.enter_async_context(self._client(index, identity, LEAN))
            return Bot(self, lean, chance, witness)
        full = await self._sockets.enter_async_context(self._client(index, identity, FULL))

        async def fetch() -> bytes:
            return (await self._api.hydrate(self.room, full.identity)).body

        return CheckedBot(self, full, chance, witness, fetch)

    async def _join(self, identity: ClientIdentity, code: str) -> None:
        """By the room's code, for it is private."""
        command_id = uuid4().hex
        await self._api.join(code, identity, command_id)
        if (pen := self._pen(identity)) is not None:
            sent = {"type": "request_join", "id": command_id, "display_name": identity.display_name}
            pen.write("rest", encode({**sent, "answered": True}))

    async def _fetch(self, bot: Bot[Any, Any]) -> None:
        try:
            view = (await self._api.hydrate(self.room, bot.client.identity)).body
        except (OSError, TimeoutError, RequestRefused) as error:
            bot.witness.violated("views", 0, f"expected a view; {type(error).__name__}: {error}")
        else:
            if bot.client.pen is not None:
                bot.client.pen.write("fetched", view)

    def _client(self, index: int, identity: ClientIdentity, depth: Depth[P, E], *, slow: bool = False) -> Client[P, E]:
        urls = self._house.scenario.urls_of(self.number + index)
        pen = self._pen(identity, slow=slow)
        return Client(urls, identity, depth, renew=self._api.renew, pen=pen, dial=dial)

    def _pen(self, identity: ClientIdentity, *, slow: bool = False) -> ClientRecorder | None:
        if self._recorder is None:
            return None
        secrets = [identity.token, identity.session]
        return self._recorder.client(identity.user_id, identity.display_name, secrets, slow=slow)


class Onlooker:
    """An audience that does nothing with what it sees."""

    def updated(self, update: Any) -> None: ...

    def hydrated(self, frame: Any, before: int) -> None: ...

    def faulted(self, fault: Any) -> None: ...
