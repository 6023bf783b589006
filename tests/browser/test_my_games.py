"""The page of one's own games: a game is shown again, move by move."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from playwright.async_api import Browser, expect

from kit.browser import Person, Robot, person, robots_room
from kit.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]


def _reached(count: Callable[[], int], least: int) -> bool:
    return count() >= least


async def _played(host: Robot, ann: Person) -> None:
    """The game, to its end: Ann marks the last free cell, the robot the first one."""

    def mine() -> int:
        return sum(event["seat_index"] == 1 for event in host.saw("player_action"))

    def over() -> bool:
        return bool(host.saw("game_complete"))

    def mine_or_over() -> bool:
        return over() or (host.view.get("turn") or {}).get("seat_index") == 1

    marked = 0
    while True:
        await host.until(mine_or_over, "Ann's turn, or the end")
        if over():
            return
        await ann.page.locator(".cell:enabled").last.click()
        marked += 1
        await host.until(partial(_reached, mine, marked), "Ann's move")


async def test_a_game_is_replayed(browser: Browser, stack: Stack) -> None:
    url = stack.urls[0]
    async with (
        robots_room(url, url, 1, game="tictactoe", turn_seconds=300, rematch_seconds=2) as room,
        person(browser, "Ann", (360, 740)) as ann,
    ):
        await ann.open(room.url)
        await ann.page.locator("button[aria-label='Sit in seat 2']").click()
        await ann.mine.wait_for()
        await _played(room.host, ann)
        await ann.page.get_by_role("link", name="Back to the lobby").click()
        await ann.page.get_by_role("link", name="My games").click()
        await expect(ann.page).to_have_url(f"{url}/mine")
        await ann.page.locator(".past-round").first.click()
        marked = ann.page.locator(".cell:not(.mark-)")
        await expect(ann.page.locator(".grid .cell")).to_have_count(9)
        await ann.page.get_by_role("button", name="To the beginning").click()
        await expect(marked).to_have_count(0)
        await ann.page.get_by_role("button", name="On", exact=True).click()
        await ann.page.keyboard.press("ArrowRight")
        await expect(marked).to_have_count(2)
        await ann.page.get_by_role("button", name="To the end").click()
        count = len(room.host.saw("player_action"))
        await expect(marked).to_have_count(count)
        assert await ann.page.locator(".cell:enabled").count() == 0, "nothing is played any more"
        assert await ann.page.evaluate("document.documentElement.scrollWidth") <= 360
        await ann.page.get_by_role("button", name="Back", exact=True).click()
        assert ann.troubles == []
