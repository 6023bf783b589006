"""The games of this process, said as a steward would say them."""

from __future__ import annotations

from tavola.actors.cluster.catalogue import say
from tavola.games.registry import GAMES
from tavola.games.registry.discovery import Listed
from tavola.storage.postgres import Database


async def said(database: Database, by: str = "test") -> None:
    await say(database, by, [Listed(game, "the test") for game in GAMES.values()])
