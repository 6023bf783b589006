"""Players do more than play: they lose the connection, load the page again, leave and come back, open a
second tab, read too slowly, or let a turn run out. All of it happens at random moments, drawn from the run's seed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from random import Random
from typing import Any

from tavola.load.bots.table import BotTable

EVERY_S = {"reconnect": 1.0, "refresh": 5.0, "leave": 20.0, "tabs": 10.0, "slow": 20.0, "sleep": 30.0, "storm": 15.0}
"""Each kind of churn, and how many seconds lie between two of it by default: at one table, or, of a storm, at all."""
TAB_OPEN_S = (0.5, 3.0)
SLOW_S = (1.0, 4.0)
AT_REST = 100
"""Connections that are renewed before anybody plays, to know what it takes when nothing else is going on."""
AT_REST_WITHIN_S = 10.0


One = Callable[[], Coroutine[Any, Any, None]]


class UnknownChurn(ValueError):
    def __init__(self, kind: str) -> None:
        super().__init__(f"{kind!r} is no churn; there are {', '.join(EVERY_S)}")


def parse(text: str) -> dict[str, float]:
    """`reconnect,leave=30`: kind → mean seconds between two. Raises ValueError."""
    churn: dict[str, float] = {}
    for word in filter(None, text.split(",")):
        kind, given, seconds = word.strip().partition("=")
        if kind not in EVERY_S:
            raise UnknownChurn(kind)
        churn[kind] = float(seconds) if given else EVERY_S[kind]
        if churn[kind] <= 0:
            raise ValueError(f"{word!r}: the seconds between two must be more than none")
    return churn


class Churn:
    """All churn of a run. `every` is as `parse` gives it."""

    def __init__(self, tables: Sequence[BotTable], every: dict[str, float], seed: int) -> None:
        self._tables = tables
        self._every = every
        self._chance = Random(f"{seed}/churn")

    async def run(self) -> None:
        """Until cancelled."""
        one: dict[str, One] = {
            "reconnect": self._reconnect,
            "refresh": self._refresh,
            "leave": self._leave,
            "tabs": self._tab,
            "slow": self._slow,
            "sleep": self._sleep,
            "storm": self._storm,
        }
        async with asyncio.TaskGroup() as tasks:
            for kind, every_s in self._every.items():
                mean_s = every_s if kind == "storm" else every_s / max(1, len(self._tables))
                tasks.create_task(self._keep(one[kind], mean_s, tasks))

    async def _keep(self, one: One, mean_s: float, tasks: asyncio.TaskGroup) -> None:
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / mean_s))
            tasks.create_task(one())

    def _table(self) -> BotTable:
        return self._chance.choice(self._tables)

    async def _reconnect(self) -> None:
        self._chance.choice(self._table().bots).client.drop()

    async def _refresh(self) -> None:
        self._chance.choice(self._table().bots).client.refresh()

    async def _leave(self) -> None:
        self._chance.choice(self._table().bots).take_a_break()

    async def _sleep(self) -> None:
        seated = [bot for bot in self._table().bots if bot.seat is not None]
        if seated:
            self._chance.choice(seated).fall_asleep()

    async def _storm(self) -> None:
        drop_all(self._tables)

    async def _tab(self) -> None:
        table = self._table()
        async with table.second_tab(self._chance.choice(table.bots)):
            await asyncio.sleep(self._chance.uniform(*TAB_OPEN_S))

    async def _slow(self) -> None:
        table = self._table()
        async with table.second_tab(self._chance.choice(table.bots), slow=True) as client, client.not_reading():
            await asyncio.sleep(self._chance.uniform(*SLOW_S))


def drop_all(tables: Sequence[BotTable]) -> None:
    """A reconnect storm: everybody at once."""
    for table in tables:
        for bot in table.bots:
            bot.client.drop()


async def reconnect_at_rest(tables: Sequence[BotTable], whole: bool) -> None:
    """Renews connections one after the other, while nobody plays. `whole`: without `after`."""
    bots = [bot for table in tables for bot in table.bots][:AT_REST]
    for bot in bots:
        back = bot.client.back_again()
        if whole:
            bot.client.refresh()
        else:
            bot.client.drop()
        async with asyncio.timeout(AT_REST_WITHIN_S):
            await back
