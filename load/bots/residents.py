"""Bots that live at one public table, so that whoever opens the lobby finds a game: `tavola load --bots N`.

Their identities are kept in the data folder: after a restart of either side they take their old seats again.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

import msgspec

from tavola.client.api import ApiClient, ClientIdentity, RequestRefused
from tavola.client.frames import Json
from tavola.load.bots.table import BotTable, TableDeps
from tavola.load.checks.verdict import Verdict
from tavola.load.measure.limits import RESIDENTS
from tavola.load.measure.scenario import Scenario
from tavola.load.measure.stats import Stats
from tavola.load.transport.http_client import Http

TABLE_NAME = "Bots' table"
PACE_S = (0.8, 2.0)
KEPT_IN = "bots.json"
NAMES = tuple(f"{name} (bot)" for name in ("Ada", "Bela", "Chen", "Dora", "Emil", "Fay", "Gus", "Hana", "Ivo"))
assert len(NAMES) == RESIDENTS
LOOK_AGAIN_S = 5.0
RENEW_EVERY = 240
"""Looks."""


class Residence(msgspec.Struct):
    """Where the bots live, and who they are."""

    url: str
    room: str
    bots: list[ClientIdentity]


class PublicTableBots:
    """`count` bots at one table of `game`, until cancelled, whatever happens to server, room and sessions meanwhile."""

    def __init__(self, url: str, count: int, game: str, data_dir: Path, say: Callable[[str], None] = print) -> None:
        """`count` is RESIDENTS at most. `say` is told when the table has no seat for some of them."""
        assert count <= RESIDENTS
        self._scenario = Scenario(urls=(url,), bots=count, games=(game,), think_s=PACE_S, check="sample", tables=2)
        self._say = say
        self._file = data_dir / KEPT_IN

    async def run(self) -> None:
        while True:
            try:
                await self._live()
            except* (OSError, TimeoutError, RequestRefused):
                pass  # the server is away, or we are not ourselves any more: begin again
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _live(self) -> None:
        """Returns when the bots have lost their table."""
        async with Http(self._scenario.urls[0]) as http, asyncio.TaskGroup() as tasks:
            api = ApiClient(http)
            residence, room = await self._settle(api)
            if (seats := room.get("max_players", len(NAMES))) < len(residence.bots):
                self._say(f"{seats} of {len(residence.bots)} bots have a seat, the others watch: the table has no more")
            # Number 1 is a table that nobody checks: people sit at it too.
            table = BotTable(TableDeps(self._scenario, [api], Stats(), Verdict(), tasks, {}), 1)
            try:
                await table.fill(residence.bots, room)
                table.play()
                for looks in itertools.count(1):
                    await asyncio.sleep(LOOK_AGAIN_S)
                    if not await self._stands(api, table):
                        return
                    if looks % RENEW_EVERY == 0:
                        await self._renew(api, residence, table)
            finally:
                await table.close()

    async def _settle(self, api: ApiClient) -> tuple[Residence, Json]:
        """The table of an earlier run if it is still there and we are still ourselves, else a new one."""
        url = self._scenario.urls[0]
        try:
            kept = msgspec.json.decode(self._file.read_bytes(), type=Residence)
            if len(kept.bots) == self._scenario.bots:
                bots = [await api.renew(bot) for bot in kept.bots]
                room = await api.room(kept.room)
                if room["status"] != "closed":
                    return self._keep(Residence(url, kept.room, bots)), room
        except (FileNotFoundError, msgspec.DecodeError, RequestRefused):
            pass
        bots = [await api.sign_in(name) for name in NAMES[: self._scenario.bots]]
        room = await api.create_room(bots[0], self._body())
        for bot in bots[1:]:
            await api.join(room["id"], bot)
        return self._keep(Residence(url, room["id"], bots)), room

    async def _renew(self, api: ApiClient, residence: Residence, table: BotTable) -> None:
        """Fresh tokens, long before the old ones run out."""
        for index, bot in enumerate(table.bots):
            bot.client.identity = residence.bots[index] = await api.renew(bot.client.identity)
        self._keep(residence)

    def _body(self) -> Json:
        body: Json = {"game": self._scenario.game(0), "name": TABLE_NAME, "visibility": "public", "approval": "auto"}
        if self._scenario.game(0) == "holdem":
            body["options"] = {"seats": min(10, max(6, self._scenario.bots + 1))}
        return body

    def _keep(self, residence: Residence) -> Residence:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.touch(mode=0o600)
        self._file.write_bytes(msgspec.json.encode(residence))
        return residence

    async def _stands(self, api: ApiClient, table: BotTable) -> bool:
        """Whether we still have our table; a server that does not answer is no reason to leave it."""
        if any(bot.client.forbidden is not None for bot in table.bots):
            return False
        try:
            return bool((await api.room(table.room))["status"] != "closed")
        except RequestRefused as refused:
            return refused.status != 404
        except (OSError, TimeoutError):
            return True
