"""Makes `games/*.png`: each game in the middle of play, at a desk and on a telephone.

    PYTHONPATH=tests .venv/bin/python docs/images/take_screenshots.py [GAME...]

It starts all of Tavola, with the games of `tests/guest`, and for each game opens a table, seats one person with a real
browser and bots beside them, and plays until it is that person's turn in the middle of a game. A further game is a
further line of `GAMES`, and of docs/explanation/games.md.
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image
from playwright.async_api import Browser, Locator, async_playwright

from kit.browser import CHROMIUM, DESKTOP, TELEPHONE, Person, person
from kit.client import Api, Player
from kit.stack import Stack

OUT = Path(__file__).with_name("games")
GUEST = Path(__file__).parents[2] / "tests" / "guest"
MOST_BYTES = 60_000
COLOURS = 64
INK, MUTED, GOLD, GREEN, RED = "#f3f6f4", "#d5e2db", "#f2c75c", "#24483c", "#b3362c"
ACCENTS = (INK, MUTED, GOLD, GREEN, RED)
"""So few pixels have them that they would be lost: the colours are taken of the picture and a band of each."""
BAND = 30
SETTLES_MS = 700
"""After a click, a move or a change of size, until the page stands still."""
SIZES = {"desktop": DESKTOP, "telephone": TELEPHONE}
OPENING = "1. e4 e5 2. Nf3 Nc6 3. Bb5 a6 4. Ba4 Nf6 5. O-O Be7 6. Re1 b5 7. Bb3 d6 8. c3 O-O 9. h3 Nb8 10. d4 Nbd7"


class Shot(NamedTuple):
    """A game with bots in the first seats, and Ann in the last. She clicks the `clicks` one after the other, each as
    soon as there is such a thing, and the last of them again until it is her turn and there is `until`."""

    kind: str
    bots: int
    clicks: tuple[str, ...]
    until: str
    bot: str = "random"
    options: dict[str, Any] = {"turn_seconds": 600}  # noqa: RUF012


HOLDS = ".moves .check:enabled, .moves .call:enabled"
LED = ".trick:not(.over) .lies"
COLUMN = ".grid .line:nth-child({}):enabled"
GAMES = (
    Shot("holdem", 5, (HOLDS,), ".board .card:not(.slot)", "loose", {"seats": 6, "turn_seconds": 300}),
    Shot("tictactoe", 1, (".cell:nth-child(5):enabled",), ".cell:enabled"),
    Shot("auction", 4, (), ".generic-move", "careful"),
    Shot("hearts", 3, (*[".held.may:not(.raised)"] * 3, ".move.pass", ".held.may", ".held.may"), LED, "cautious"),
    Shot("chess", 1, (), ".square.may", "modest", {"start": OPENING, "base_seconds": 600}),
    Shot("connect_four", 1, tuple(COLUMN.format(at) for at in (4, 4, 3, 5)), ".grid .line:enabled"),
    Shot("liars_dice", 3, (), "form.generic-move"),
)


async def taken(browser: Browser, url: str, shot: Shot) -> None:
    async with Api(url) as api, person(browser, "Ann", DESKTOP) as ann:
        who = await api.sign_in("Robin")
        body = {"game": shot.kind, "approval": "auto", "name": "A table", "options": shot.options}
        summary = await api.ok("POST", "/api/rooms", who, body)
        host = Player(who, summary["id"])
        await host.follow(url)
        await ann.open(f"{url}/room/{summary['code']}")
        await ann.page.locator(f"button[aria-label='Sit in seat {shot.bots + 1}']").click()
        if shot.kind == "holdem":
            await ann.page.locator("dialog button.primary").click()
        await ann.mine.wait_for()
        for seat in range(shot.bots):
            await host.command("add_bot", seat_index=seat, bot=shot.bot)
        await played(ann, shot)
        for name, (width, height) in SIZES.items():
            await ann.page.set_viewport_size({"width": width, "height": height})
            await ann.page.mouse.move(0, 0)
            await ann.page.wait_for_timeout(SETTLES_MS)
            write(OUT / f"{shot.kind.replace('_', '-')}-{name}.png", await ann.page.screenshot())
        await host.leave()
        await api.ok("POST", f"/api/rooms/{summary['id']}/leave", who)


async def played(ann: Person, shot: Shot) -> None:
    for each in shot.clicks:
        await first(ann, each).click()
        await ann.page.wait_for_timeout(SETTLES_MS)
    await ann.page.locator(".seat.me.acts").wait_for()
    while not await first(ann, shot.until).is_visible():
        await first(ann, shot.clicks[-1]).click()
        await ann.page.wait_for_timeout(SETTLES_MS)
        await ann.page.locator(".seat.me.acts").wait_for()


def first(ann: Person, what: str) -> Locator:
    return ann.page.locator(what).first


def write(to: Path, png: bytes) -> None:
    """With few colours, as a page has, but for the edges of letters."""
    whole = Image.open(io.BytesIO(png)).convert("RGB")
    banded = Image.new("RGB", (whole.width, whole.height + BAND * len(ACCENTS)))
    banded.paste(whole)
    for index, colour in enumerate(ACCENTS):
        top = whole.height + BAND * index
        banded.paste(colour, (0, top, whole.width, top + BAND))
    palette = banded.quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
    whole.quantize(palette=palette, dither=Image.Dither.NONE).save(to, optimize=True)
    print(f"{to}: {to.stat().st_size:,} bytes")
    assert to.stat().st_size <= MOST_BYTES


async def main(folder: Path, kinds: list[str]) -> None:
    named = "games.connect_four:ConnectFour,games.liars_dice:LiarsDice"
    stack = Stack(folder, edges=1, TAVOLA_ROOMS_PER_ACTOR="100", TAVOLA_GAMES=named, TAVOLA_GAMES_PATH=str(GUEST))
    OUT.mkdir(exist_ok=True)
    failed = []
    try:
        stack.start()
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            for shot in GAMES:
                if not kinds or shot.kind in kinds:
                    try:
                        await asyncio.wait_for(taken(browser, stack.urls[0], shot), 60)
                    except Exception as error:
                        failed.append(f"{shot.kind}: {error!r}")
            await browser.close()
    finally:
        stack.stop()
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(main(Path(scratch) / "data", sys.argv[1:]))
