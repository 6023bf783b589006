"""Pages of other origins: plain files on another port, which sign in, sit down and come back; and pages that show ours
in a frame. Those that are named may, others may not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.async_api import Browser, Page

from kit.browser import PATIENCE_MS
from kit.examples import example
from kit.front import free_port, front_door
from kit.stack import Stack

pytestmark = pytest.mark.timeout(300)

PROXY = "docs/howto/proxy-and-tls.md"
PAGE = """<!doctype html><title>Elsewhere</title><script type="module">
const server = new URLSearchParams(location.search).get("server");
const { Tavola } = await import(`${server}/static/tavola.js`);
globalThis.client = new Tavola({ url: server });
globalThis.ready = true;
</script>"""
FRAME = """<!doctype html><title>A portal</title><iframe width=900 height=700></iframe><script>
document.querySelector("iframe").src = new URLSearchParams(location.search).get("server");
</script>"""
SIT = """async () => {
  await client.signIn("Ann");
  client.connect();
  const { id } = await client.request("POST", "/api/rooms", { game: "tictactoe" });
  const room = client.room(id);
  await room.ready;
  await room.command("take_seat", { seat_index: 0, display_name: "Ann" });
  return { user: client.session.user_id, seat: room.view.me.seat_index, room: id };
}"""
RETURN = """async (id) => {
  const session = await client.resume();
  client.connect();
  return { user: session?.user_id, seat: (await client.room(id).ready).me.seat_index };
}"""


class Site(NamedTuple):
    """A server of plain files, under two names: browsers take `localhost` and `127.0.0.1` for two sites."""

    folder: Path
    port: int

    @property
    def near(self) -> str:
        """Another origin of the edges' own site."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def far(self) -> str:
        """An origin of another site."""
        return f"http://localhost:{self.port}"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None: ...


def serve(folder: Path) -> Iterator[Site]:
    folder.mkdir()
    (folder / "page.html").write_text(PAGE)
    (folder / "frame.html").write_text(FRAME)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Site(folder, server.server_port)
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from serve(tmp_path_factory.mktemp("site") / "files")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that the deployment does not name."""
    yield from serve(tmp_path_factory.mktemp("stranger") / "files")


@pytest.fixture(scope="module")
def tls_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, site: Site, tls_port: int) -> Iterator[Stack]:
    """An edge that names the site, under both its names, and itself."""
    port = free_port()
    stack = Stack(
        tmp_path_factory.mktemp("origins") / "data",
        TAVOLA_ROOMS_PER_ACTOR="100",
        TAVOLA_ALLOWED_ORIGINS=f"http://127.0.0.1:{port} https://localhost:{tls_port} {site.near} {site.far}",
        TAVOLA_FRAME_ORIGINS=f"{site.near} {site.far}",
        TAVOLA_TRUSTED_PROXIES="127.0.0.1",
    )
    stack.port = port
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


async def visit(page: Page, where: str, server: str, file: str = "page.html") -> None:
    await page.goto(f"{where}/{file}?server={server}", timeout=PATIENCE_MS)


async def loaded(page: Page) -> None:
    await page.wait_for_function("globalThis.ready", timeout=PATIENCE_MS)


async def test_a_page_on_another_port_has_the_cookie(opened: Stack, browser: Browser, site: Site) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await visit(page, site.near, opened.urls[0])
    await loaded(page)
    sat = await page.evaluate(SIT)
    assert sat["seat"] == 0
    await page.evaluate("localStorage.clear()")
    await page.reload()
    await loaded(page)
    assert await page.evaluate(RETURN, sat["room"]) == {"user": sat["user"], "seat": 0}
    await context.close()


async def test_the_example(opened: Stack, browser: Browser, site: Site) -> None:
    """The one who opens it is the same person the next time."""
    page = example(PROXY, "new Tavola({ url")
    assert page.count("https://play.example.org") == 2
    page = page.replace("https://play.example.org", opened.urls[0]).replace(
        "</script>", "self.client = client;</script>"
    )
    (site.folder / "example.html").write_text(f"<!doctype html>{page}")
    context = await browser.new_context()
    tab = await context.new_page()
    known = set()
    for _ in range(2):
        await tab.goto(f"{site.near}/example.html", timeout=PATIENCE_MS)
        await tab.wait_for_function("self.client?.connection.state === 'open'", timeout=PATIENCE_MS)
        known.add(await tab.evaluate("client.session.user_id + client.session.display_name"))
    assert [who[-3:] for who in known] == ["Ann"]
    await context.close()


async def test_a_page_of_another_site_keeps_its_token(opened: Stack, browser: Browser, site: Site) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await visit(page, site.far, opened.urls[0])
    await loaded(page)
    sat = await page.evaluate(SIT)
    assert await context.cookies() == [], "without TLS no cookie can be for another site"
    await page.reload()
    await loaded(page)
    assert await page.evaluate(RETURN, sat["room"]) == {"user": sat["user"], "seat": 0}
    await page.evaluate("localStorage.clear()")
    await page.reload()
    await loaded(page)
    assert await page.evaluate("client.resume()") is None, "the token alone was known"
    await context.close()


async def test_behind_tls_a_page_of_another_site_has_a_cookie_of_its_own(
    opened: Stack, browser: Browser, site: Site, tmp_path: Path, tls_port: int
) -> None:
    with front_door(opened.urls, tmp_path, tls_port) as address:
        context = await browser.new_context(ignore_https_errors=True)
        page = await context.new_page()
        await visit(page, site.near, f"https://{address}")
        await loaded(page)
        sat = await page.evaluate(SIT)
        [cookie] = await context.cookies()
        assert (cookie["name"], cookie["sameSite"], cookie["secure"]) == ("tavola_session", "None", True)
        assert cookie["partitionKey"], "another site's page does not come with it"
        await page.evaluate("localStorage.clear()")
        await page.reload()
        await loaded(page)
        assert await page.evaluate(RETURN, sat["room"]) == {"user": sat["user"], "seat": 0}
        await context.close()


async def test_a_page_that_is_not_named_gets_nothing(opened: Stack, browser: Browser, stranger: Site) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    failed: list[str] = []
    page.on("requestfailed", lambda request: failed.append(request.url))
    await visit(page, stranger.near, opened.urls[0])
    asked = "(path) => fetch(server() + path, {credentials: 'include'}).then(() => 'read', () => 'kept from it')"
    server = f"globalThis.server = () => {opened.urls[0]!r}"
    await page.evaluate(server)
    for path in ("/api/session", "/api/rooms", "/static/tavola.js", "/api/openapi.json"):
        assert await page.evaluate(asked, path) == "kept from it"
    closed = await page.evaluate(
        "() => new Promise((done) => { const ws = new WebSocket(server().replace('http', 'ws') + '/ws', ['tavola.v1']);"
        " ws.onclose = ({ code }) => done(code); })"
    )
    assert closed == 4403
    assert f"{opened.urls[0]}/static/tavola.js" in failed
    assert not await page.evaluate("globalThis.ready ?? false")
    await context.close()


async def test_a_page_that_is_named_may_show_ours_in_a_frame(
    opened: Stack, browser: Browser, site: Site, tmp_path: Path, tls_port: int
) -> None:
    """One of the same site; and behind TLS one of another, in whose frame a guest is known again."""
    with front_door(opened.urls, tmp_path, tls_port) as address:
        for server in (opened.urls[0], f"https://{address}"):
            context = await browser.new_context(ignore_https_errors=True)
            page = await context.new_page()
            for _ in range(2):
                await visit(page, site.near, server, "frame.html")
                await page.frame_locator("iframe").get_by_role("button", name="Play").first.wait_for()
                cookies = await context.cookies()
            assert len(cookies) == 1, "the second visit found the cookie of the first"
            await context.close()


async def test_a_page_that_is_not_named_may_show_none_in_a_frame(
    opened: Stack, browser: Browser, stranger: Site
) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    async with page.expect_console_message(lambda said: "frame-ancestors" in said.text, timeout=PATIENCE_MS):
        await visit(page, stranger.near, opened.urls[0], "frame.html")
    await context.close()
