"""Makes `kill.gif`: a hand of poker whose room actor is killed in the middle.

    PYTHONPATH=tests .venv/bin/python docs/images/record_kill.py [FOLDER]

It starts all of Tavola, seats bots and one person with a real browser, kills the room's actor with SIGKILL in that
person's turn, and measures until another actor has the room. All frames are of that one run, at the times at which the
page painted them; only what happens within a second of the kill is shown slower. In FOLDER the frames are kept as PNGs.
"""

from __future__ import annotations

import asyncio
import base64
import io
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageDraw, ImageFont
from playwright.async_api import CDPSession, Page, async_playwright

from kit.browser import CHROMIUM, Person, person
from kit.client import Api
from kit.stack import Owner, Stack, Truth, kill, until
from tavola.bots.table import BotsTable

OUT = Path(__file__).with_name("kill.gif")
MOST_BYTES = 700_000
VIEWPORT = (1180, 740)
TABLE = (0, 0, 850, 676)
"""The table and the buttons, without the panel beside it."""
CAPTION_HEIGHT = 60
BEFORE_S, AFTER_S = 4.0, 6.0
FRAME_MS = 250
SLOW = 2_600
"""For how many milliseconds each of the two captions of the kill stands still."""
COLOURS = 192
INK, GOLD, RED, GREEN = "#e9eee9", "#f2c85b", "#ff7b72", "#4fd08b"
CARDS = ("#c81e32", "#7d1f2d", "#ffffff", "#1258c9", "#0f7a3d", "#fff3c4", "#5b2120", "#4a2424")
ACCENTS = (INK, GOLD, RED, GREEN, *CARDS)
"""The captions' colours, and those of cards, chips and buttons: so few pixels have them that they would be lost."""
FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf")


class Frame(NamedTuple):
    at: float
    png: bytes


class Recovery(NamedTuple):
    """The measured recovery: which processes had the room, when the first was killed, and when the second had it."""

    before: Owner
    after: Owner
    killed_at: float
    placed_at: float

    @property
    def ms(self) -> int:
        return round((self.placed_at - self.killed_at) * 1000)


class Recorder:
    """Every frame that the page paints, with the moment at which it came."""

    def __init__(self, cdp: CDPSession) -> None:
        self._cdp = cdp
        self.frames: list[Frame] = []
        self._acks: set[asyncio.Task[Any]] = set()
        cdp.on("Page.screencastFrame", self._painted)

    async def start(self) -> None:
        await self._cdp.send("Page.startScreencast", {"format": "png", "everyNthFrame": 1})

    async def stop(self) -> None:
        await self._cdp.send("Page.stopScreencast")
        await asyncio.gather(*self._acks)

    def _painted(self, told: dict[str, Any]) -> None:
        self.frames.append(Frame(told["metadata"]["timestamp"], base64.b64decode(told["data"])))
        ack = asyncio.create_task(self._cdp.send("Page.screencastFrameAck", {"sessionId": told["sessionId"]}))
        self._acks.add(ack)
        ack.add_done_callback(self._acks.discard)


@asynccontextmanager
async def bots(url: str, folder: Path) -> AsyncIterator[str]:
    """Bots at a public table, as `tavola dev --bots 5` seats them; the room's id."""
    async with asyncio.TaskGroup() as tasks, Api(url) as api:
        running = tasks.create_task(BotsTable([url], 5, "holdem", folder).run())

        async def settled() -> dict[str, Any] | None:
            who = await api.sign_in("Looks")
            [*rooms] = (await api.ok("GET", "/api/rooms", who))["rooms"]
            return rooms[0] if rooms and rooms[0]["players"] == 5 else None

        room = await until(settled, "the bots' table")
        yield str(room["id"])
        running.cancel()


async def look(page: Page) -> Any:
    """The things that must be the same after the kill: the cards, the board, the chips, and when the turn ends."""
    return await page.evaluate(
        """() => ({
            cards: [...document.querySelectorAll(".seat.me .card")].map(card => card.ariaLabel),
            board: [...document.querySelectorAll(".board .card:not(.slot)")].map(card => card.ariaLabel),
            chips: [...document.querySelectorAll(".seat .stack")].map(stack => stack.textContent),
            deadline: document.querySelector(".seat.me.acts [data-deadline]").dataset.deadline,
        })"""
    )


async def in_the_middle_of_a_hand(ann: Person) -> None:
    """Ann plays until it is her turn with a board on the table."""
    while True:
        await ann.my_turn()
        if (await look(ann.page))["board"]:
            return
        await ann.stay_in()


async def recovery(truth: Truth, room: str) -> Recovery:
    """Kills the room's actor and waits until another one has the room."""
    before = await truth.owner(room)
    killed_at = time.time()
    kill(before.pid)
    after = await truth.placed_after(room, before.epoch)
    return Recovery(before, after, killed_at, time.time())


class Take(NamedTuple):
    frames: list[Frame]
    recovery: Recovery


async def record(stack: Stack, folder: Path) -> Take:
    """One run: some seconds of play, the kill in Ann's turn, her move, and some seconds more."""
    url = stack.urls[0]
    async with async_playwright() as playwright, bots(url, folder) as room, stack.truth() as truth:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        async with person(browser, "Ann", VIEWPORT) as ann:
            await ann.open(f"{url}/room/{room}")
            await ann.page.locator("button[aria-label^='Sit in seat']").first.click()
            await ann.page.locator("dialog button.primary").click()
            await ann.mine.wait_for()
            recorder = Recorder(await ann.context.new_cdp_session(ann.page))
            await recorder.start()
            await in_the_middle_of_a_hand(ann)
            await asyncio.sleep(1.0)
            before = await look(ann.page)
            recovered = await recovery(truth, room)
            after = await look(ann.page)
            assert {**after, "deadline": 0} == {**before, "deadline": 0}, f"{before} became {after}"
            await asyncio.sleep(1.5)
            await ann.stay_in()
            assert (await truth.owner(room)).pid == recovered.after.pid
            await asyncio.sleep(AFTER_S)
            await recorder.stop()
        await browser.close()
    return Take(recorder.frames, recovered)


def moments(take: Take) -> list[tuple[Frame, int, tuple[str, str]]]:
    """Which frame stands for how many milliseconds, below which caption."""
    what = take.recovery
    playing = ("A hand with five bots. A move is in Postgres before it is shown.", INK)
    killed = (f"Room actor killed: SIGKILL, pid {what.before.pid}", RED)
    back = (f"{what.ms} ms later, pid {what.after.pid}: same hand, same cards", GREEN)
    on = ("The next move is accepted, and play goes on.", INK)
    shown = [(frame, FRAME_MS, playing) for frame in grid(take.frames, what.killed_at - BEFORE_S, what.killed_at)]
    shown.append((latest(take.frames, what.killed_at + 0.05), SLOW, killed))
    shown.append((latest(take.frames, what.placed_at + 0.05), SLOW, back))
    later = grid(take.frames, what.placed_at + 0.25, take.frames[-1].at)
    return shown + [(frame, FRAME_MS, back if index < 4 else on) for index, frame in enumerate(later)]


def grid(frames: list[Frame], start: float, end: float) -> list[Frame]:
    """The frames that were to be seen at even distances."""
    steps = int((end - start) * 1000 / FRAME_MS)
    return [latest(frames, start + step * FRAME_MS / 1000) for step in range(steps)]


def latest(frames: list[Frame], at: float) -> Frame:
    """The frame that was to be seen at that moment."""
    return [frame for frame in frames if frame.at <= at][-1]


def picture(frame: Frame, caption: tuple[str, str]) -> Image.Image:
    """The table with the caption below it."""
    left, top, right, bottom = TABLE
    whole = Image.new("RGB", (right - left, bottom - top + CAPTION_HEIGHT), "#0b1210")
    whole.paste(Image.open(io.BytesIO(frame.png)).convert("RGB").crop(TABLE))
    text, colour = caption
    draw = ImageDraw.Draw(whole)
    draw.rectangle((0, bottom - top, right - left, bottom - top + 2), colour)
    middle = ((right - left) // 2, bottom - top + CAPTION_HEIGHT // 2 + 1)
    draw.text(middle, text, colour, ImageFont.truetype(str(FONT), 21), anchor="mm")
    return whole


def write(take: Take, folder: Path) -> None:
    """One palette for all, so that what does not change costs nothing."""
    shown = moments(take)
    pictures = [picture(frame, caption) for frame, _, caption in shown]
    for index, each in enumerate(pictures):
        each.save(folder / f"{index:03}.png")
    palette = montage(pictures).quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
    flat = [each.quantize(palette=palette, dither=Image.Dither.NONE) for each in pictures]
    durations = [duration for _, duration, _ in shown]
    flat[0].save(OUT, save_all=True, append_images=flat[1:], duration=durations, loop=0)
    size = OUT.stat().st_size
    seconds = sum(durations) / 1000
    print(f"{OUT}: {len(flat)} frames, {seconds:.1f} s, {size:,} bytes, recovered in {take.recovery.ms} ms")
    assert size <= MOST_BYTES


def montage(pictures: list[Image.Image]) -> Image.Image:
    """Some of the pictures, with a band of each accent below: of this the colours are taken."""
    chosen, band = pictures[:: max(1, len(pictures) // 8)], 60
    width, height = chosen[0].size
    whole = Image.new("RGB", (width, height * len(chosen) + band * len(ACCENTS)))
    for index, each in enumerate(chosen):
        whole.paste(each, (0, index * height))
    for index, colour in enumerate(ACCENTS):
        top = height * len(chosen) + index * band
        whole.paste(colour, (0, top, width, top + band))
    return whole


async def main(folder: Path) -> None:
    stack = Stack(folder / "data")
    try:
        stack.start()
        take = await record(stack, folder)
    finally:
        stack.stop()
    write(take, folder)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        kept = Path(sys.argv[1] if len(sys.argv) > 1 else scratch)
        kept.mkdir(parents=True, exist_ok=True)
        asyncio.run(main(kept))
