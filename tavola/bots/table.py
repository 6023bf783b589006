"""A public table of bots, so that whoever opens the lobby finds a game: `tavola dev --bots N`.

Its host is nobody's: a guest who follows the room, seats bots and does nothing else. The data folder keeps who that is,
and where.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tavola.client.api import ApiClient, ClientIdentity, RequestRefused
from tavola.client.client import Client
from tavola.client.frames import Json
from tavola.client.httpx_transport import HttpxHttp
from tavola.client.room import FULL, JoinedRoom
from tavola.client.view import FullView
from tavola.games.registry import GAMES

NAME = "Bots' table"
KEPT_IN = "bots.json"
LOOK_S = 5.0


class KeptTable(msgspec.Struct):
    host: ClientIdentity
    room: str


class BotsTable:
    """Sees to it, until it is cancelled, that so many bots sit at a public table."""

    def __init__(self, urls: Sequence[str], count: int, game: str, data_dir: Path) -> None:
        self._urls, self._count, self._game = urls, count, game
        self._file = data_dir / KEPT_IN

    async def run(self) -> None:
        while True:
            try:
                async with HttpxHttp(self._urls[0]) as http:
                    await self._keep(ApiClient(http))
            except (OSError, TimeoutError, RequestRefused):
                pass  # The server is away, or the table is no more ours: begin again.
            await asyncio.sleep(LOOK_S)

    async def _keep(self, api: ApiClient) -> None:
        kept = await self._settle(api)
        async with Client(self._urls, kept.host, FULL, renew=api.renew) as client:
            room = await client.join(kept.room)
            while client.forbidden is None:
                await self._fill(room)
                await asyncio.sleep(LOOK_S)

    async def _settle(self, api: ApiClient) -> KeptTable:
        """The table of an earlier run, if it is there and ours; else a new one."""
        try:
            kept = msgspec.json.decode(self._file.read_bytes(), type=KeptTable)
            kept.host = await api.renew(kept.host)
            found = await api.room(kept.room, kept.host)
            ours = found["host_id"] == kept.host.user_id and found["status"] != "closed"
            if ours and found["game"] == self._game:
                return self._written(kept)
        except (FileNotFoundError, msgspec.DecodeError, RequestRefused):
            pass
        host = await api.sign_in(NAME)
        body: Json = {"game": self._game, "name": NAME, "visibility": "public", "approval": "auto"}
        options = GAMES[self._game].options_type.__struct_fields__
        if "seats" in options:
            body["options"] = {"seats": min(10, max(6, self._count + 1))}
        return self._written(KeptTable(host, (await api.create_room(host, body))["id"]))

    def _written(self, kept: KeptTable) -> KeptTable:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.touch(mode=0o600)
        self._file.write_bytes(msgspec.json.encode(kept))
        return kept

    async def _fill(self, room: JoinedRoom[Json, list[Json]]) -> None:
        assert isinstance(room.view, FullView)
        seats: Json = room.view.data.get("seats") or {}
        kinds = GAMES[self._game].bots
        bots = sum(1 for seat in seats.values() if seat.get("bot"))
        about: Json = room.view.data["room"]
        taken = {*map(int, seats), *about.get("reserved", ())}
        free = [seat for seat in range(about["max_players"]) if seat not in taken]
        for number, seat in zip(range(bots, self._count), free, strict=False):
            await room.command("add_bot", seat_index=seat, bot=kinds[number % len(kinds)])
