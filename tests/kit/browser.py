"""People with browsers, robots to play with, and the way between them and the edges."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, WebSocket

from kit.client import Api, Identity, Player

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE_MS = 40_000
DESKTOP = (1280, 800)
TELEPHONE = (390, 844)
NETWORK = re.compile(r"WebSocket connection to|net::ERR_|Failed to load resource")
"""Lines that a browser itself notes when a connection is lost: in tests that lose some, no trouble of ours."""
CARD = re.compile(r"\b[2-9TJQKA][cdhs]\b")


class Balancer:
    """The balancer that stands between browsers and edges in real life: one address, whichever edge answers behind
    it."""

    def __init__(self, targets: Sequence[str]) -> None:
        self._targets = [urlsplit(target) for target in targets]
        self._pairs: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.away = False
        self.served: list[int] = []
        """For each connection that came through: the port of its edge."""
        self.turned_away = 0
        self.held = 0
        """Pieces, of either way, that had to wait for `release`."""
        self._passes = asyncio.Event()
        self._passes.set()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def cut(self) -> None:
        """Ends every connection, without a word."""
        pairs = list(self._pairs)
        for pair in pairs:
            pair.cancel()
        await asyncio.gather(*pairs, return_exceptions=True)

    def hold(self) -> None:
        """Passes nothing on, either way, until `release`; with a connection that is cut it is lost."""
        self.held = 0
        self._passes.clear()

    def release(self) -> None:
        self._passes.set()

    async def go_away(self) -> None:
        """Cuts everybody off and lets nobody in."""
        self.away = True
        await self.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pairs.add(task)
        far: asyncio.StreamWriter | None = None
        try:
            if self.away:
                self.turned_away += 1
                return
            opened = await self._reach()
            if opened is None:
                self.turned_away += 1
                return
            answers, far = opened
            async with asyncio.TaskGroup() as both:
                both.create_task(self._copy(reader, far))
                both.create_task(self._copy(answers, writer))
        except* (OSError, asyncio.CancelledError):
            pass  # one of the ends is gone, or we were told to cut it: both are
        finally:
            self._pairs.discard(task)
            for end in (writer, far):
                if end is not None:
                    end.transport.abort()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for target in self._targets:
            with contextlib.suppress(OSError):
                opened = await asyncio.open_connection(target.hostname, target.port)
                self.served.append(target.port or 0)
                return opened
        return None

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while (data := await source.read(65536)) and not sink.is_closing():
            if not self._passes.is_set():
                self.held += 1
                await self._passes.wait()
            sink.write(data)
            await sink.drain()
        raise ConnectionResetError


class Robot(Player):
    """Somebody at the table who stays in for the least, at once."""

    playing: asyncio.Task[None] | None = None

    def play(self) -> None:
        self.playing = asyncio.create_task(self._play())

    async def stop(self) -> None:
        if self.playing is not None:
            self.playing.cancel()
            await asyncio.wait([self.playing])
            if not self.playing.cancelled():
                self.playing.result()
        await self.leave()

    async def _play(self) -> None:
        while True:
            await self.until(self.to_act, "a turn", within_s=600)
            turn = self.turn
            await self.command("act", **self.passive())
            await self.until(partial(self._past, turn), "the turn over")

    def _past(self, turn: int) -> bool:
        return not self.to_act() or self.turn != turn

    def saw(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind]


class Person:
    """Somebody with a browser of their own. Everything that went wrong in it is in `troubles`."""

    def __init__(self, name: str, context: BrowserContext, page: Page) -> None:
        self.name, self.context, self.page = name, context, page
        self.frames: list[str] = []
        """Every frame that came on a socket, as text."""
        self.troubles: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        page.on("websocket", self._connected)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(f"{message.type}: {message.text}")

    def _connected(self, socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: self.frames.append(str(frame)))

    @property
    def own_troubles(self) -> list[str]:
        """The things that went wrong, but for what a lost network alone explains."""
        return [trouble for trouble in self.troubles if not NETWORK.search(trouble)]

    # Where things are

    @property
    def banner(self) -> Locator:
        return self.page.locator(".banner")

    @property
    def moves(self) -> Locator:
        """The buttons of the legal moves, when it is one's turn."""
        return self.page.locator("[aria-label='Your move'] .moves button:enabled")

    @property
    def mine(self) -> Locator:
        return self.page.locator(".seat.me")

    # Actions

    async def open(self, url: str) -> None:
        await self.page.goto(url)

    async def sit(self, seat: int) -> None:
        """Takes that seat, with the usual chips."""
        await self.page.locator(f"button[aria-label='Sit in seat {seat + 1}']").click()
        await self.page.locator("dialog button.primary").click()
        await self.mine.wait_for()

    async def my_turn(self) -> None:
        await self.moves.first.wait_for()

    async def stay_in(self) -> None:
        """Checks or calls; on return the turn is over."""
        await self.my_turn()
        await self.act(self.page.locator(".moves .check, .moves .call").first)

    async def act(self, move: Locator) -> None:
        """Clicks it when it is there, which is on one's turn; on return the turn is over."""
        await move.wait_for()
        turn = await self.turn()
        await move.click()
        await self.page.wait_for_function(
            "turn => document.querySelector('.seat.me.acts [data-deadline]')?.dataset.deadline !== turn", arg=turn
        )

    async def turn(self) -> str | None:
        """The deadline of one's own turn, which no other has; None when it is not one's turn."""
        clock = self.page.locator(".seat.me.acts [data-deadline]")
        return await clock.get_attribute("data-deadline") if await clock.count() else None

    async def play(self) -> None:
        """Stays in for the least until cancelled."""
        while True:
            with contextlib.suppress(Exception):
                await self.stay_in()

    async def cards(self) -> list[str]:
        """Their hole cards as they are named in the page."""
        cards: list[str] = await self.mine.locator(".card").evaluate_all("all => all.map(card => card.ariaLabel)")
        return cards

    async def panel(self, tab: str) -> None:
        await self.page.locator(f"#tab-{tab}").click()

    async def says(self, text: str) -> None:
        """Says it in the chat."""
        await self.panel("chat")
        await self.page.locator(".say input").fill(text)
        await self.page.keyboard.press("Enter")


@asynccontextmanager
async def person(browser: Browser, name: str, size: tuple[int, int] = DESKTOP) -> AsyncIterator[Person]:
    """A browser profile of their own, in which they have given themselves this name before."""
    context = await browser.new_context(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
    await context.add_init_script(f"localStorage['tavola.name'] ??= {json.dumps(name)}")
    try:
        yield Person(name, context, await context.new_page())
    finally:
        await context.close()


class Room:
    """A room that robots opened, and the robots."""

    def __init__(self, summary: dict[str, Any], url: str, robots: list[Robot]) -> None:
        self.id, self.code, self.robots = str(summary["id"]), str(summary["code"]), robots
        self.url = f"{url}/room/{self.code}"

    @property
    def host(self) -> Robot:
        return self.robots[0]

    @property
    def players(self) -> Any:
        return self.host.view["seats"]


@asynccontextmanager
async def robots_room(
    edge: str,
    url: str,
    count: int,
    *,
    game: str = "holdem",
    approval: str = "auto",
    name: str = "Robots",
    **options: Any,
) -> AsyncIterator[Room]:
    """A room of `count` robots in its first seats, who play. They are at `edge`; people come by `url`."""
    async with Api(edge) as api:
        who: list[Identity] = [await api.sign_in(f"Robot {number + 1}") for number in range(count)]
        body = {"game": game, "approval": "auto", "options": options, "name": name}
        summary = await api.ok("POST", "/api/rooms", who[0], body)
        robots = [Robot(each, summary["id"]) for each in who]
        try:
            for seat, robot in enumerate(robots):
                await robot.follow(edge)
                if seat:
                    await robot.command("request_join", display_name=robot.who.name)
                await robot.command("take_seat", seat_index=seat)
                robot.play()
            yield Room(summary, url, robots)
        finally:
            for robot in robots:
                await robot.stop()
                await api.ok("POST", f"/api/rooms/{summary['id']}/leave", robot.who)
