"""The files that are served: under the policy, small, kept by browsers, and nothing beside them."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest
from starlette.applications import Starlette

from tavola.edge.rest import pages
from tavola.edge.rest.game_pages import PageFolder, game_files, game_routes
from tavola.games.registry import GAMES
from tavola.games.registry.page_files import is_shipped, page_folder

LIMIT = 50 * 1024
"""Bytes over the wire for all that a player's browser loads at the first visit of a page."""
WHOLE_LIMIT = 90 * 1024
"""And for all that there is for players, of which nobody needs everything."""
OPERATORS_LIMIT = 16 * 1024
"""And for what only the operator's page loads."""


@pytest.fixture
async def client(anyio_backend: object) -> AsyncIterator[httpx.AsyncClient]:
    folders = {kind: PageFolder(page_folder(game), is_shipped(kind)) for kind, game in GAMES.items()}
    known = folders | {"plain": PageFolder(None, False)}

    async def folder_of(kind: str) -> PageFolder | None:
        return known.get(kind)

    games = game_routes(folder_of)
    transport = httpx.ASGITransport(Starlette(routes=[*pages.routes(operator=True), *games]))
    async with httpx.AsyncClient(transport=transport, base_url="http://tavola.test") as client:
        yield client


def wire_bytes(files: Mapping[str, pages.File]) -> int:
    return sum(len(file.packed) for name, file in files.items() if not name.endswith(".d.ts"))


STATIC = re.compile(r'(?:from|import|stylesheet\() ?"(?:\.|/static)/([\w.]+)"')


def loaded(page: pages.File) -> set[str]:
    """The files that the page names."""
    return {path.removeprefix("/static/") for path in re.findall(r'(?:src|href)="([^"]*)"', page.plain.decode())}


def game_needs(kind: str) -> tuple[dict[str, pages.File], set[str]]:
    """The files of a game's page, and those of ours that they load, directly or through others."""
    game = GAMES.get(kind)
    own = game_files(kind, PageFolder(page_folder(game) if game else None, is_shipped(kind)))
    files = pages.load("client", "app")
    seeds = {name for file in own.values() for name in STATIC.findall(file.plain.decode()) if name in files}
    return own, set(pages.needed(files, *seeds))


def first_visit(page: pages.File, kind: str = "") -> int:
    """The bytes of a first visit."""
    files = pages.load("client", "app")
    names = loaded(page) - {"index.html"}
    own, needs = game_needs(kind) if kind else ({}, set())
    return len(page.packed) + wire_bytes(own) + wire_bytes({name: files[name] for name in names | needs})


def test_a_first_visit_is_small() -> None:
    files = pages.load("client", "app")
    visits = {"lobby": first_visit(pages.players_page(files, pages.LOBBY))}
    for kind in (*GAMES, None):
        room = pages.players_page(files, pages.ROOM)
        visits[kind or "any game"] = first_visit(room, kind or "none")
    print(visits)
    assert {page: size for page, size in visits.items() if not 20 * 1024 < size < LIMIT} == {}


def test_all_that_there_is_is_not_much() -> None:
    games = sum(wire_bytes(game_needs(kind)[0]) for kind in GAMES)
    assert games > 5000
    assert wire_bytes(pages.load("client", "app")) + games < WHOLE_LIMIT
    assert 0 < wire_bytes(pages.load("admin")) < OPERATORS_LIMIT
    for file in pages.load().values():
        assert gzip.decompress(file.packed) == file.plain


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/room/ABCDEF",
        "/admin",
        "/static/app.js",
        "/static/table.css",
        "/static/tavola.js",
        "/static/tavola.d.ts",
        "/static/games/holdem/page.js",
        "/static/games/holdem/holdem.css",
        "/static/games/tictactoe/page.js",
        "/static/games/plain/page.js",
    ],
)
async def test_the_policy_goes_with_everything(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


async def test_browsers_keep_what_they_have(client: httpx.AsyncClient) -> None:
    first = await client.get("/static/app.js")
    assert first.headers["cache-control"] == "no-cache"
    assert first.headers["content-encoding"] == "gzip"
    again = await client.get("/static/app.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = await client.get("/static/app.js", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200
    plain = await client.get("/static/app.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == first.text


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/none.js",
        "/static/client/tavola.js",
        "/static/../pages.py",
        "/static/%2e%2e/pages.py",
        "/static/index.html",
        "/static/games/none/page.js",
        "/static/games/holdem/../game.py",
        "/static/games/holdem/%2e%2e/game.py",
        "/static/games/holdem/holdem.d.ts",
        "/static/games/plain/table.js",
    ],
)
async def test_nothing_else_is_served(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    files = pages.load()
    players = {name: pages.players_page(files, f"{name}.js") for name in ("lobby", "room")}
    for page in (*players.values(), files["admin.html"]):
        assert re.findall(r"<script(?![^>]* src=)|<style| style=| on\w+=", page.plain.decode()) == []
    operators = {name for name in pages.load("admin") if not name.endswith((".html", ".d.ts"))}
    assert loaded(files["admin.html"]) == operators | {"icon.svg", "base.css", "dom.js"}
    always = {"icon.svg", "base.css", "app.js", "tavola.js", "dom.js", "kept.js", "clock.js"}
    assert always < loaded(players["lobby"]) & loaded(players["room"])
    assert {"room.js", "side.js", "table.css"} < loaded(players["room"]) - loaded(players["lobby"])
    for name, page in players.items():
        for alone in ("host.js", "generic.js", "board.js", "reload.js", "offers.js"):
            assert alone not in loaded(page), f"{name} needs it later, or never"


def test_types_and_comments_stay_in_the_source() -> None:
    """Their lines go out empty, so every other line has the number that it has there; the client is whole."""
    for audience in ("app", "admin"):
        for name, file in pages.load(audience).items():
            if name.endswith(".js"):
                lines = (pages.FOLDER / audience / name).read_text().split("\n")
                served = file.plain.decode().split("\n")
                assert len(served) == len(lines)
                gone = [line for line, out in zip(lines, served, strict=True) if line != out]
                assert gone
                assert {line for line in gone if not re.match(r" *(/\*\*|\*)", line)} == set()
                assert not [out for line, out in zip(lines, served, strict=True) if line != out and out]
    assert b"@param" in pages.load("client")["tavola.js"].plain


def test_no_text_can_become_markup() -> None:
    ways = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|DOMParser")
    scripts = {name: file.plain.decode() for name, file in pages.load().items() if name.endswith(".js")}
    assert len(scripts) > 10
    assert [name for name, script in scripts.items() if ways.search(script)] == []


def test_a_line_that_ends_a_comment_stays() -> None:
    source = b"/**\n * @param {number} one\n * @param {number} two */\n/** @type {Json} */\nlet x = 2 /* @ */ * 3;\n"
    assert pages.TYPE_LINE.sub(b"", source) == b"/**\n\n * @param {number} two */\n\nlet x = 2 /* @ */ * 3;\n"
