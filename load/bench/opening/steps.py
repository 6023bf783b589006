"""The way to a table at which two sit, in steps that all tables take together: so each has a price of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, NamedTuple
from uuid import uuid4

from tavola.client.api import ApiClient, ClientIdentity
from tavola.client.client import Client
from tavola.client.frames import Json
from tavola.client.room import LEAN, JoinedRoom
from tavola.load.bots.table import Onlooker
from tavola.load.measure.processes import Processes
from tavola.load.measure.scenario import Scenario
from tavola.load.transport.websocket import dial

PLAYERS = 2


class StepTaken(NamedTuple):
    """`seconds` until all tables had taken it, and the processor time of each kind of process meanwhile, in s."""

    name: str
    seconds: float
    used: dict[str, float]


class _NewTable:
    def __init__(self, number: int, scenario: Scenario, api: ApiClient, sockets: AsyncExitStack) -> None:
        self._number, self._scenario, self._api, self._sockets = number, scenario, api, sockets
        self._identities: list[ClientIdentity] = []
        self._clients: list[Client[Any, Any]] = []
        self._followed: list[JoinedRoom[Any, Any]] = []
        self._room: Json = {}

    async def sign_in(self) -> None:
        names = [f"Bot {self._number}.{index}" for index in range(PLAYERS)]
        self._identities = list(await asyncio.gather(*(self._api.sign_in(name) for name in names)))

    async def create(self) -> None:
        self._room = await self._api.create_room(self._identities[0], self._scenario.room(self._number))

    async def join(self) -> None:
        others = self._identities[1:]
        await asyncio.gather(*(self._api.join(self._room["code"], each, uuid4().hex) for each in others))

    async def connect(self) -> None:
        for index, identity in enumerate(self._identities):
            client = Client(
                self._scenario.urls_of(self._number + index), identity, LEAN, renew=self._api.renew, dial=dial
            )
            self._clients.append(await self._sockets.enter_async_context(client))

    async def follow(self) -> None:
        for client in self._clients:
            self._followed.append(await client.join(self._room["id"], Onlooker()))

    async def sit(self) -> None:
        for seat, room in enumerate(self._followed):
            await room.command("take_seat", seat_index=seat)


STEPS: dict[str, Callable[[_NewTable], Awaitable[None]]] = {
    "sign in": _NewTable.sign_in,
    "open the room": _NewTable.create,
    "join": _NewTable.join,
    "connect": _NewTable.connect,
    "follow": _NewTable.follow,
    "sit down": _NewTable.sit,
}


async def opened(scenario: Scenario, apis: list[ApiClient], processes: Processes, settle_s: float) -> list[StepTaken]:
    """All steps, in order; between two of them the servers have `settle_s` for what they do later. Raises
    RequestRefused, OSError."""
    steps = []
    async with AsyncExitStack() as sockets:
        tables = [_NewTable(number, scenario, apis[number % len(apis)], sockets) for number in range(scenario.tables)]
        at_once = asyncio.Semaphore(scenario.opened_at_once)

        async def take(step: Callable[[_NewTable], Awaitable[None]], table: _NewTable) -> None:
            async with at_once:
                await step(table)

        for name, step in STEPS.items():
            processes.start()
            began = time.perf_counter()
            async with asyncio.TaskGroup() as taking:
                for table in tables:
                    taking.create_task(take(step, table))
            seconds = time.perf_counter() - began
            await asyncio.sleep(settle_s)
            steps.append(StepTaken(name, seconds, {kind: usage.cpu_s for kind, usage in processes.usage().items()}))
    return steps
