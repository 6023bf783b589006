"""How long until somebody can do something: from the address to the lobby's and a table's first usable control.

    python tests/browser/measure_interactive.py [TIMES]

A stack of its own with one edge on this machine, headless Chromium. Cold: a browser profile that has never been here.
Warm: the same page loaded anew. Times are the browser's own, from the navigation's start; the page notes the first
frame after the control was there.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from kit.browser import CHROMIUM, person, robots_room
from kit.stack import Stack

TIMES = 10
LOBBY = ".quick button:not(:disabled)"
TABLE = "button[aria-label^='Sit in seat']"
NOTE = """
(() => {
  const look = () => {
    const found = [LOBBY, TABLE].some((control) => document.querySelector(control));
    if (found) requestAnimationFrame(() => { window.interactive_at = performance.now(); });
    else requestAnimationFrame(look);
  };
  look();
})()
""".replace("LOBBY", repr(LOBBY)).replace("TABLE", repr(TABLE))


async def measure(browser: Browser, url: str, times: int) -> tuple[list[float], list[float]]:
    """Milliseconds, cold and warm."""
    cold, warm = [], []
    for _ in range(times):
        async with person(browser, "Ann") as ann:
            await ann.page.add_init_script(NOTE)
            await ann.page.goto(url)
            cold.append(await _interactive(ann.page))
            await ann.page.reload()
            warm.append(await _interactive(ann.page))
    return cold, warm


async def _interactive(page: Page) -> float:
    return float(await (await page.wait_for_function("() => window.interactive_at")).json_value())


def say(what: str, ms: list[float]) -> None:
    print(f"{what:<14} median {statistics.median(ms):6.0f} ms, max {max(ms):6.0f} ms, of {len(ms)}", flush=True)


async def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else TIMES
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "data", TAVOLA_ROOMS_PER_ACTOR="100")
        try:
            stack.start()
            url = stack.urls[0]
            async with (
                async_playwright() as playwright,
                robots_room(url, url, 2, turn_seconds=600, name="Measured") as room,
            ):
                browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                for what, address in (("lobby", url), ("table", room.url)):
                    cold, warm = await measure(browser, address, times)
                    say(f"{what}, cold", cold)
                    say(f"{what}, warm", warm)
                await browser.close()
        finally:
            stack.stop()


if __name__ == "__main__":
    asyncio.run(main())
