"""Games that are saved while they are played (`tavola dev --reload`): browsers are told what is wrong with those that
cannot be taken."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tavola.edge.rest.pages import HEADERS
from tavola.edge.routing.catalogue import Catalogue

PATH = "/dev/games"
MARKUP = b'<script type="module" src="/static/reload.js"></script>\n'
"""In a page that shows it."""
LOOK_S = 0.2
"""How often it is looked whether somebody has taken games that were saved."""


class GamesNow(msgspec.Struct, frozen=True, omit_defaults=True):
    """How often games were taken, and what is wrong with what was saved last."""

    taken: int
    fault: str = ""


def routes(catalogue: Callable[[], Catalogue | None]) -> list[Route]:
    """Without a catalogue yet, nothing was taken."""

    async def told(request: Request) -> Response:
        known = catalogue()
        body = msgspec.json.encode(GamesNow(known.taken, known.fault) if known is not None else GamesNow(0))
        return Response(body, headers=HEADERS, media_type="application/json")

    return [Route(PATH, told, methods=["GET"])]
