"""Games that are saved while they are played (`tavola dev --reload`): an edge takes them at once, and tells browsers
what is wrong with those that it cannot take."""

from __future__ import annotations

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tavola.edge.rest.pages import HEADERS
from tavola.games.registry import use
from tavola.games.registry.reload import LOOK_S, Reloader

PATH = "/dev/games"
MARKUP = b'<script type="module" src="/static/reload.js"></script>\n'
"""In a page that shows it."""


class GamesNow(msgspec.Struct, frozen=True, omit_defaults=True):
    """How often games were taken, and what is wrong with what was saved last."""

    taken: int
    fault: str = ""


class Reloading:
    """The part of an edge that looks for games that were saved."""

    def __init__(self, reloader: Reloader) -> None:
        self._reloader = reloader
        self._taken = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            if (saved := self._reloader.saved()) is not None:
                use(each.game for each in saved)
                self._taken += 1

    def routes(self) -> list[Route]:
        return [Route(PATH, self._told, methods=["GET"])]

    async def _told(self, request: Request) -> Response:
        fault = self._reloader.fault
        body = msgspec.json.encode(GamesNow(self._taken, str(fault) if fault is not None else ""))
        return Response(body, headers=HEADERS, media_type="application/json")
