"""Chess at its own page: by clicks, by keys, with a promotion, on desktop and telephone."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Locator, expect

from kit.browser import DESKTOP, Person, person, robots_room
from kit.client import Player
from kit.stack import Stack

SMALL = (360, 740)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]


def square(ann: Person, name: str) -> Locator:
    return ann.page.locator(f"[data-square={name}]")


@pytest.mark.parametrize("size", [DESKTOP, SMALL], ids=["desktop", "telephone"])
async def test_a_game_is_played(browser: Browser, stack: Stack, size: tuple[int, int]) -> None:
    """Ann has Black, below: she moves by clicks, promotes, and resigns; the robot shuffles its king about."""
    url = stack.urls[0]
    start = "7k/8/8/8/8/8/p7/2K5 w - - 0 1"
    async with (
        robots_room(url, url, 1, game="chess", start=start, rematch_seconds=600) as room,
        person(browser, "Ann", size) as ann,
    ):
        await ann.open(room.url)
        await ann.page.locator("button[aria-label='Sit in seat 2']").click()
        await ann.mine.wait_for()
        await expect(square(ann, "a2")).to_have_class("square dark may".replace("dark", "light"))
        assert await ann.page.evaluate("document.documentElement.scrollWidth") <= size[0]
        a8, h1 = await square(ann, "a8").bounding_box(), await square(ann, "h1").bounding_box()
        assert a8 is not None
        assert h1 is not None
        assert (a8["x"] > h1["x"], a8["y"] > h1["y"]) == (True, True), "Black is below"
        assert a8["width"] > 36
        await square(ann, "a2").focus()
        await ann.page.keyboard.press("Enter")
        await expect(square(ann, "a1")).to_have_accessible_name("a1, can be reached")
        await ann.page.keyboard.press("ArrowUp")
        await expect(square(ann, "a1")).to_be_focused()
        await ann.page.keyboard.press("Enter")
        await ann.page.get_by_role("button", name="rook").click()
        await room.host.until(lambda: _promoted(room.host), "the promotion")
        await expect(square(ann, "a1")).to_have_accessible_name("a1, black rook")
        await square(ann, "h8").click()
        await expect(square(ann, "h8")).to_have_attribute("aria-pressed", "true")
        await ann.page.keyboard.press("Escape")
        await expect(square(ann, "h8")).not_to_have_attribute("aria-pressed", "true")
        await ann.page.get_by_role("button", name="Resign").click()
        await ann.page.get_by_role("button", name="Resign the game").click()
        await expect(ann.page.locator(".ended")).to_contain_text("by resignation")
        await expect(ann.page.get_by_role("button", name="Copy PGN")).to_be_visible()
        assert ann.troubles == []


def _promoted(robot: Player) -> bool:
    return any(event.get("promotion") == "r" for event in robot.events)
