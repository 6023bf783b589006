"""The process that plays for the bots which hosts have seated: `tavola bots`.

It asks Postgres once in a while which seats are a bot's, and has a client in each; when a host has put one out, its
client goes. Killed and started again, it takes the seats up where they are. Where nobody is a room's host any more, its
bots leave. Two such processes do no harm: a move names its turn, so of two one is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import structlog

from tavola.actors.wire.commands import BOT, UserId
from tavola.bots.player import BotPlayer
from tavola.client.api import ApiClient, ClientIdentity, RequestRefused
from tavola.client.client import Client
from tavola.client.httpx_transport import HttpxHttp
from tavola.client.room import FULL
from tavola.edge.identity.auth import Identities
from tavola.games.registry import GAMES
from tavola.storage.postgres import Database, StorageUnavailable

log = structlog.get_logger()

LOOK_S = 1.0
"""How often it asks which seats there are."""
LIMIT = 300
"""Bots that one process plays; seats beyond are nobody's until another has gone. (An edge lets an address have 500
connections.)"""


class BotSeat(NamedTuple):
    room: str
    user: str


class Bots:
    def __init__(self, database: Database, identities: Identities, urls: Sequence[str]) -> None:
        self._database = database
        self._identities = identities
        self._urls = urls
        self._playing: dict[BotSeat, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        async with HttpxHttp(self._urls[0]) as http:
            api = ApiClient(http)
            try:
                while True:
                    try:
                        await self._look(api)
                    except StorageUnavailable as error:
                        log.warning("bots.storage_unavailable", reason=str(error))
                    await asyncio.sleep(LOOK_S)
            finally:
                for task in self._playing.values():
                    task.cancel()
                await asyncio.gather(*self._playing.values(), return_exceptions=True)

    async def _look(self, api: ApiClient) -> None:
        rows = await self._database.rows("bot_seats", most=LIMIT)
        seats = {BotSeat(row["room_id"], row["user_id"]): row for row in rows}
        for seat in self._playing.keys() - seats.keys():
            self._playing.pop(seat).cancel()
        for seat, row in seats.items():
            known = self._playing.get(seat)
            if known is not None and not known.done():
                continue
            if known is not None and not known.cancelled() and (error := known.exception()) is not None:
                log.warning("bot.ended", room=seat.room, error=type(error).__name__)
            identity = self._identity(seat.user, row["display_name"])
            if not row["host_id"]:
                await self._leave(api, seat, identity)
            elif row["game"] in GAMES:
                client = Client(self._urls, identity, FULL, renew=self._renewed)
                player = BotPlayer(GAMES[row["game"]], kind_of(seat.user), seat.room, client)
                self._playing[seat] = asyncio.create_task(player.play(), name=f"{seat.user} in {seat.room}")

    async def _leave(self, api: ApiClient, seat: BotSeat, identity: ClientIdentity) -> None:
        try:
            await api.json("POST", f"/api/rooms/{seat.room}/leave", identity)
        except (RequestRefused, OSError, TimeoutError) as error:
            log.warning("bot.not_left", room=seat.room, reason=str(error))

    def _identity(self, user: str, name: str) -> ClientIdentity:
        known = self._identities.known(UserId(user), name, 0)
        return ClientIdentity(user, name, self._identities.token(known))

    async def _renewed(self, identity: ClientIdentity) -> ClientIdentity:
        return self._identity(identity.user_id, identity.display_name)


def kind_of(user: str) -> str:
    """The name of the bot: `bot:tight:1a2b` → `tight`."""
    return user.removeprefix(BOT).partition(":")[0]
