"""The browser's files: `edge/static`, read and compressed once, served under a policy that lets nothing else run.

Pages are addresses of one file: `/`, the lobby, `/room/{code}`, a room, and `/mine`, games that are over; and `/admin`,
the operator's, where there is one. The files that they load lie under `/static`, by name alone: its folders are for
readers, names are unique. A page is told at once of all modules that it needs (`needed`); the rest, as a game's table,
it loads when it needs it (`edge/rest/game_pages.py`).
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Literal, NamedTuple, get_args
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FOLDER = Path(__file__).parents[1] / "static"
Audience = Literal["client", "app", "admin"]
"""The folders: the client that others build on, our own pages made with it, and the operator's page."""
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".webp": "image/webp",
}
"""The kinds of files that may lie in the folder, and their types."""
TYPE_LINE = re.compile(rb"^ *(?:/\*\* @.*\*/|\* @(?!.*\*/).*)$", re.MULTILINE)
"""A line of a script that tells types and nothing else. They are for those who read or build on the source: our own
pages go out without them. The line stays, empty, so that a browser counts as the source does."""
TRANSLATION = re.compile(r"texts\.([a-z]{2})\.json")
"""The texts of the players' pages in another language: `edge/static/app/texts.js`."""
LOBBY, ROOM, MINE = "lobby.js", "room.js", "mine.js"
"""The modules that draw the pages; `app.js` takes the one that it needs."""
IMPORT = re.compile(rb'^(?:import|export)\b[^;"]*"\./([\w.]+)";', re.MULTILINE)
"""A line, or several, by which a module always loads another one."""
COMMENT = re.compile(rb"^[ \t]*/\*\*(?:(?!\*/).)*\*/[ \t]*$", re.MULTILINE | re.DOTALL)
"""A comment that has its lines for itself: our own pages go out without these, and their lines stay, empty, too."""
POLICY = "; ".join((
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
))  # fmt: skip
"""Our own files and nothing inline; no text can become script, wherever it was written."""
NO_FRAMES = {"Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'", "X-Frame-Options": "DENY"}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}
"""`no-cache`: kept by the browser, but asked for each time. An answer to that is 304 and no bytes."""


class File(NamedTuple):
    """One file as it goes out. `packed` is its gzip."""

    plain: bytes
    packed: bytes
    etag: str
    media_type: str

    def response(self, request: Request, frames: dict[str, str] = NO_FRAMES) -> Response:
        """`frames`: the headers that say who may show it in a frame."""
        headers = HEADERS | {"ETag": self.etag} | frames
        if self.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        body = self.plain
        if "gzip" in request.headers.get("accept-encoding", ""):
            body, headers["Content-Encoding"] = self.packed, "gzip"
        return Response(body, headers=headers, media_type=self.media_type)


def load(*audiences: Audience) -> dict[str, File]:
    """The files of these folders (of all without one), by name. Raises `KeyError` for a kind that is not served."""
    files: dict[str, File] = {}
    for path in sorted(path for audience in audiences or get_args(Audience) for path in (FOLDER / audience).iterdir()):
        plain = path.read_bytes()
        if path.suffix == ".js" and path.parent.name != "client":
            plain = bare(plain)
        assert path.name not in files, f"two files are named {path.name}"
        files[path.name] = made(plain, path.suffix)
    return files


def bare(script: bytes) -> bytes:
    """A script of our own as it goes out: without comments that have their lines for themselves, and of as many
    lines."""
    return TYPE_LINE.sub(b"", COMMENT.sub(lambda found: b"\n" * found[0].count(b"\n"), script))


def needed(files: Mapping[str, File], *modules: str) -> Iterator[str]:
    """These modules and all that they always load, each once."""
    found = dict.fromkeys(modules)
    waiting = [*modules]
    while waiting:
        name = waiting.pop(0)
        yield name
        more = [each.decode() for each in IMPORT.findall(files[name].plain)]
        waiting += [each for each in more if each not in found]
        found.update(dict.fromkeys(more))


def made(plain: bytes, suffix: str) -> File:
    """The file of that content. Raises `KeyError` for a kind that is not served."""
    etag = f'"{sha256(plain).hexdigest()[:20]}"'
    return File(plain, gzip.compress(plain, 9, mtime=0), etag, TYPES[suffix])


def framed_by(origins: Sequence[str]) -> dict[str, str]:
    """The headers by which pages of these origins may have one of ours in a frame. (`X-Frame-Options` cannot name
    any.)"""
    return {"Content-Security-Policy": f"{POLICY}; frame-ancestors {' '.join(origins)}"} if origins else NO_FRAMES


def players_page(files: Mapping[str, File], module: str, added: bytes = b"") -> File:
    """The players' page, for who comes to what `module` draws. `added` stands at the end of its head."""
    head = [f'<link rel="modulepreload" href="/static/{name}">' for name in needed(files, "app.js", module)]
    if languages := sorted(found[1] for name in files if (found := TRANSLATION.fullmatch(name))):
        head.append(f'<meta name="languages" content="{" ".join(languages)}">')
    if module != LOBBY:
        head.append('<link rel="stylesheet" href="/static/table.css">')
    told = "".join(f"{line}\n" for line in head).encode() + added
    return made(files["index.html"].plain.replace(b"</head>", told + b"</head>"), ".html")


def routes(*, operator: bool = False, framing: Sequence[str] = (), added: bytes = b"", issuer: str = "") -> list[Route]:
    """The pages and what they load; the operator's only with `operator`, and in nobody's frame. `added` stands at the
    end of the players' head. `issuer`: where operators sign in, if they do."""
    files = load() if operator else load("client", "app")
    lobby = players_page(files, LOBBY, added)
    room = players_page(files, ROOM, added)
    past = players_page(files, MINE, added)
    del files["index.html"]
    if operator and issuer:
        told = f'<meta name="issuer" content="{escape(urlsplit(issuer).netloc)}">\n</head>'.encode()
        files["admin.html"] = made(files["admin.html"].plain.replace(b"</head>", told), ".html")
    frames = framed_by(framing)

    async def page(request: Request) -> Response:
        return (room if "code" in request.path_params else lobby).response(request, frames)

    async def mine(request: Request) -> Response:
        return past.response(request, frames)

    async def static(request: Request) -> Response:
        file = files.get(request.path_params["name"])
        if file is None:
            raise HTTPException(404)
        return file.response(request)

    async def admin(request: Request) -> Response:
        return files["admin.html"].response(request)

    return [
        *([Route("/admin", admin, methods=["GET"])] if operator else []),
        Route("/", page, methods=["GET"]),
        Route("/mine", mine, methods=["GET"]),
        Route("/room/{code}", page, methods=["GET"]),
        Route("/static/{name}", static, methods=["GET"]),
    ]
