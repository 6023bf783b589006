"""Games' own pages, at `/static/games/{kind}/{name}`: the files beside each game's module, under the policy of all
pages. A game without a page has one all the same, which draws its tables from their views."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tavola.edge.rest.pages import TYPES, File, bare, made

SUFFIXES = TYPES.keys() - {".html", ".ts"}
"""The files of a game's page that are served. A page of its own the browser would show is none of them."""
PLAIN = """\
import { register, stylesheet } from "/static/games.js";
import { draw } from "/static/generic.js";

await stylesheet("/static/generic.css");
register("%s", draw);
"""
"""The page of a game that has none."""


class PageFolder(NamedTuple):
    """Where the files of a game's page lie, if it has one, and whether they are ours: those go out without
    comments."""

    path: Path | None
    ours: bool


def game_files(kind: str, folder: PageFolder) -> dict[str, File]:
    """The files of the page of that game, by name."""
    if folder.path is None:
        return {"page.js": made((PLAIN % kind).encode(), ".js")}
    files = {}
    for path in sorted(folder.path.iterdir()):
        if path.suffix in SUFFIXES and path.is_file():
            plain = path.read_bytes()
            files[path.name] = made(bare(plain) if folder.ours and path.suffix == ".js" else plain, path.suffix)
    return files


def game_routes(folder_of: Callable[[str], Awaitable[PageFolder | None]], *, fresh: bool = False) -> list[Route]:
    """`folder_of` gives the folder of a game that there is now. Each is read once, or, `fresh`, at each request: its
    author is at work."""
    known: dict[str, tuple[PageFolder, dict[str, File]]] = {}

    async def static(request: Request) -> Response:
        kind, name = request.path_params["kind"], request.path_params["name"]
        folder = await folder_of(kind)
        if folder is None:
            raise HTTPException(404)
        if fresh or kind not in known or known[kind][0] != folder:
            known[kind] = folder, game_files(kind, folder)
        files = known[kind][1]
        if name not in files:
            raise HTTPException(404)
        return files[name].response(request)

    return [Route("/static/games/{kind}/{name}", static, methods=["GET"])]
