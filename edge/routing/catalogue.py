"""The games of the deployment, as those who have loaded them say (`actors/cluster/catalogue.py`): an edge loads none.

A kind that is not known here is looked up before it is refused, so a game can be played as soon as it was said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import structlog

from tavola.actors.wire.catalogue import KnownGame, decode
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import NO_GAMES
from tavola.edge.common.moment import Moment
from tavola.storage.postgres import Database, StorageUnavailable

log = structlog.get_logger()

LOOK_S = 5.0
"""How often it is looked which games there are. A game that is gone is refused by room actors until then."""
FIRST_LOOK_S = 0.1
"""The same as long as nobody has said any."""
NEW_S = 0.2
"""A look that is no older serves for a kind that is not known, too."""
WAIT_S = 5.0
"""A request waits so long for somebody to say which games there are."""
GAMES_FOLDER = Path(__file__).resolve().parents[2] / "games"


class Catalogue:
    """The games, by kind. `run` looks; `taken` and `fault` are of games that are saved while they are played."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._games: dict[str, KnownGame] | None = None
        self._said: tuple[str, ...] | None = None
        self._found = Moment(self._look, NEW_S)
        self._missing: set[str] = set()
        """Folders of pages that are not on this machine, which has been said."""
        self.taken, self.fault = 0, ""

    async def run(self, look_s: float = LOOK_S) -> None:
        """Look every `look_s` until cancelled."""
        while True:
            try:
                await self._found.get()
            except StorageUnavailable as error:
                log.info("games.not_looked_up", reason=str(error))
            await asyncio.sleep(FIRST_LOOK_S if self._games is None else look_s)

    async def games(self) -> Mapping[str, KnownGame] | None:
        """Those that there are; None where nobody has said any in time. Raises `StorageUnavailable` where that is not
        known either."""
        loop = asyncio.get_running_loop()
        until = loop.time() + WAIT_S
        while self._games is None:
            await self._found.get()
            if self._games is None:
                if loop.time() >= until:
                    return None
                await asyncio.sleep(FIRST_LOOK_S)
        return self._games

    async def lacks(self, kind: str) -> Refusal | None:
        """The refusal of a game that there is not. Raises `StorageUnavailable`."""
        games = await self.games()
        if games is not None and kind not in games:
            await self._found.get()
            games = self._games
        if games is None:
            return NO_GAMES
        if kind not in games:
            return Refusal("unknown_game", "There is no such game.", {"games": sorted(games)})
        return None

    def page(self, game: KnownGame) -> Path | None:
        """The folder of the game's own page, if it has one and it is on this machine."""
        if game.page is None:
            return None
        folder = GAMES_FOLDER / game.page
        if folder.is_dir():
            return folder
        if game.page not in self._missing:
            self._missing.add(game.page)
            log.warning("game.page_not_here", game=game.kind)
        return None

    async def _look(self) -> None:
        rows = await self._database.rows("game_lists")
        said = tuple(row["games"] for row in rows)
        if not rows:
            return
        self.taken, self.fault = rows[-1]["taken"], rows[-1]["fault"]
        if said != self._said:
            self._games = {game.kind: game for text in said for game in decode(text)}
            self._said = said
