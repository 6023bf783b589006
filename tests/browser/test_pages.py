"""The files that are served: under the policy, small, kept by browsers, and nothing beside them."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from tavola.edge.rest import pages

LIMIT = 50 * 1024
"""Bytes over the wire for all that a player's browser loads."""
OPERATORS_LIMIT = 16 * 1024
"""And for what only the operator's page loads."""


@pytest.fixture
async def client(anyio_backend: object) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Starlette(routes=pages.routes(operator=True)))
    async with httpx.AsyncClient(transport=transport, base_url="http://tavola.test") as client:
        yield client


def wire_bytes(files: dict[str, pages.File]) -> int:
    return sum(len(file.packed) for name, file in files.items() if not name.endswith(".d.ts"))


def test_the_whole_application_is_small() -> None:
    assert len(pages.load("app")) > 10
    assert 0 < wire_bytes(pages.load("client", "app")) < LIMIT
    assert 0 < wire_bytes(pages.load("admin")) < OPERATORS_LIMIT
    for file in pages.load().values():
        assert gzip.decompress(file.packed) == file.plain


@pytest.mark.parametrize(
    "path",
    ["/", "/room/ABCDEF", "/admin", "/static/app.js", "/static/table.css", "/static/tavola.js", "/static/tavola.d.ts"],
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
    ["/static/", "/static/none.js", "/static/client/tavola.js", "/static/../pages.py", "/static/%2e%2e/pages.py"],
)
async def test_nothing_else_is_served(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    files = pages.load()
    loaded = {}
    for name in ("index.html", "admin.html"):
        page = files[name].plain.decode()
        assert re.findall(r"<script(?![^>]* src=)|<style| style=| on\w+=", page) == []
        loaded[name] = {path.removeprefix("/static/") for path in re.findall(r'(?:src|href)="([^"]*)"', page)}
    others = {name for name in files if not name.endswith((".html", ".d.ts"))}
    operators = others & pages.load("admin").keys()
    others -= {"reload.js"}  # `tavola dev --reload` alone asks for it
    assert loaded["index.html"] == others - operators, "every file is loaded at once, and no other"
    assert loaded["admin.html"] == operators | {"icon.svg", "base.css", "dom.js"}


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
