"""How long from a click to one's mark on the board, with 150 ms more to the server and back.

    python tests/browser/measure_moves_ahead.py [TIMES]

A stack of its own with one edge on this machine, headless Chromium, and between them a wire that holds everything for
75 ms each way. Tic-tac-toe against a robot, with what its page foresees and without. Times are the browser's own, from
the click to the first frame after the mark stands in the page.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Route, async_playwright

from kit.browser import CHROMIUM, person, robots_room
from kit.proxy import proxied
from kit.stack import Stack

TIMES = 20
EACH_WAY_S = 0.075
FREE = ".tictactoe .cell:enabled"
CLICK = """
() => new Promise((resolve) => {
  const cell = [...document.querySelectorAll(FREE)].at(-1);
  const clicked = performance.now();
  const look = () => {
    if (cell.textContent) requestAnimationFrame(() => resolve(performance.now() - clicked));
    else requestAnimationFrame(look);
  };
  cell.click();
  look();
})
""".replace("FREE", repr(FREE))


async def measure(browser: Browser, edge: str, url: str, times: int, *, ahead: bool) -> list[float]:
    """Milliseconds."""

    async def nothing(route: Route) -> None:
        await route.fulfill(body="export const foresee = undefined;", content_type="text/javascript")

    took: list[float] = []
    async with (
        robots_room(edge, url, 1, game="tictactoe", turn_seconds=600, rematch_seconds=1) as room,
        person(browser, "Ann") as ann,
    ):
        if not ahead:
            await ann.page.route("**/games/tictactoe/foresee.js", nothing)
        await ann.open(room.url)
        await ann.page.locator("button[aria-label='Sit in seat 2']").click()
        while len(took) < times:
            await ann.page.locator(FREE).first.wait_for()
            took.append(float(await ann.page.evaluate(CLICK)))
    return took


async def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else TIMES
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "data", TAVOLA_ROOMS_PER_ACTOR="100")
        try:
            stack.start()
            edge = stack.urls[0]
            async with async_playwright() as playwright, proxied(edge) as wire:
                browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                for ahead in (True, False):
                    async with wire.slow(EACH_WAY_S):
                        ms = await measure(browser, edge, wire.url, times, ahead=ahead)
                    what = "foreseen" if ahead else "not foreseen"
                    middle = statistics.median(ms)
                    print(f"{what:<14} median {middle:6.1f} ms, max {max(ms):6.1f} ms, of {len(ms)}", flush=True)
                assert wire.delayed > 0
                await browser.close()
        finally:
            stack.stop()


if __name__ == "__main__":
    asyncio.run(main())
