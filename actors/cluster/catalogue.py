"""The games of the deployment, said in Postgres by those who have loaded them: so edges know them and load none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog

from tavola.actors.wire.catalogue import KnownGame, encode
from tavola.games.registry.discovery import Listed
from tavola.games.registry.page_files import is_shipped, page_folder
from tavola.games.registry.reload import LOOK_S, Reloader
from tavola.storage.postgres import Conflict, Database, StorageUnavailable

log = structlog.get_logger()

STILL_S = 3.0
"""How often it is said that they are still so. `game_lists` believes it for three times as long."""
AGAIN_S = 0.5
GAMES_FOLDER = Path(__file__).resolve().parents[2] / "games"


def known(listed: Sequence[Listed]) -> list[KnownGame]:
    """These games, as edges are told of them."""
    return [
        KnownGame(
            game.kind,
            game.title,
            msgspec.Raw(msgspec.json.encode(msgspec.json.schema(game.options_type))),
            tuple(game.bots),
            _page(page_folder(game), is_shipped(game.kind)),
            is_shipped(game.kind),
            game.version,
        )
        for game in (each.game for each in listed)
    ]


def _page(folder: Path | None, shipped: bool) -> str | None:
    if folder is None:
        return None
    return str(folder.resolve().relative_to(GAMES_FOLDER)) if shipped else str(folder.resolve())


async def say(database: Database, said_by: str, listed: Sequence[Listed], taken: int = 0, fault: str = "") -> None:
    """`said_by` has loaded these games. Raises `StorageUnavailable`."""
    games = encode(known(listed)).decode()
    await database.rows("say_games", said_by=said_by, games=games, taken=taken, fault=fault)


async def say_first(database: Database, said_by: str, listed: Sequence[Listed]) -> None:
    """As `say`, where nobody has said anything yet: in a deployment whose stewards are of a release that says none.
    Raises `StorageUnavailable`."""
    if await database.row("games_said") is None:
        await say(database, said_by, listed)


class GameTeller:
    """Says the games of one process for as long as it lives; of games that are saved as they are played, each time."""

    def __init__(
        self, database: Database, said_by: str, listed: Sequence[Listed], reloader: Reloader | None = None
    ) -> None:
        self._database = database
        self._said_by = said_by
        self._listed = listed
        self._reloader = reloader
        self._taken, self._fault = 0, ""

    async def say(self) -> None:
        """Raises `StorageUnavailable`."""
        await say(self._database, self._said_by, self._listed, self._taken, self._fault)

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        said_at, new = loop.time(), False
        while True:
            await asyncio.sleep(LOOK_S if self._reloader is not None else AGAIN_S if new else STILL_S)
            new = self._looked() or new
            try:
                if new:
                    await self.say()
                elif loop.time() - said_at < STILL_S:
                    continue
                elif await self._database.row("games_still_so", said_by=self._said_by) is None:
                    await self.say()
            except (StorageUnavailable, Conflict) as error:
                log.warning("games.not_said", reason=str(error))
            else:
                said_at, new = loop.time(), False

    async def leave(self) -> None:
        """They are not this process's any more. Raises `StorageUnavailable`."""
        await self._database.rows("no_games_said", said_by=self._said_by)

    def _looked(self) -> bool:
        """Whether there is something new to say."""
        if self._reloader is None:
            return False
        saved, before = self._reloader.saved(), self._fault
        if saved is not None:
            self._listed, self._taken = saved, self._taken + 1
        self._fault = str(self._reloader.fault) if self._reloader.fault is not None else ""
        return saved is not None or self._fault != before
