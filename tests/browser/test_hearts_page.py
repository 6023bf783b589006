"""Hearts at its own page: cards are passed and played by keys, and by clicks, on a telephone."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from kit.browser import TELEPHONE, person, robots_room
from kit.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

COVERED = """
() => {
  const note = document.querySelector(".note")?.getBoundingClientRect();
  if (!note) return null;
  const beside = (box) => box.left >= note.right || box.right <= note.left;
  const apart = (box) => beside(box) || box.top >= note.bottom || box.bottom <= note.top;
  const all = [...document.querySelectorAll(".lies, .hearts .pod")];
  return all.filter((each) => !apart(each.getBoundingClientRect())).map((each) => each.className);
}
"""
"""All that the note on the table covers; null without one."""


async def test_a_hand_is_played_by_keys_and_by_clicks(browser: Browser, stack: Stack) -> None:
    url = stack.urls[0]
    async with (
        robots_room(url, url, 3, game="hearts", turn_seconds=600, pause_seconds=600) as room,
        person(browser, "Ann", TELEPHONE) as ann,
    ):
        page, keys = ann.page, ann.page.keyboard
        await ann.open(room.url)
        await page.locator("button[aria-label='Sit in seat 4']").click()
        held = page.locator(".held")
        await expect(held).to_have_count(13)
        assert await page.evaluate("document.documentElement.scrollWidth") <= TELEPHONE[0]
        first, last = await held.first.bounding_box(), await held.last.bounding_box()
        assert first is not None
        assert last is not None
        assert last["y"] > first["y"] + 20, "two rows: each card is as large as a finger"
        assert first["width"] > 42
        for _ in range(3):
            await keys.press("ArrowRight")
            await keys.press("Enter")
        await expect(page.locator(".held.raised")).to_have_count(3)
        await keys.press("p")
        await expect(page.locator(".held.received")).to_have_count(3)
        won = 0
        for number in range(13):
            may = page.locator(".held.may").last  # the highest: so she takes some
            await expect(held).to_have_count(13 - number)
            await may.wait_for()
            covered = await page.evaluate(COVERED)
            assert not covered, "the note lies beside cards and players"
            won += covered == []
            if number % 2:
                await may.click()
            else:
                await may.focus()
                await keys.press("Enter")
        await expect(page.locator(".score")).to_contain_text("Hand 1 is over.")
        assert won > 0
        assert len(room.host.saw("trick_taken")) == 13
        assert ann.troubles == []
