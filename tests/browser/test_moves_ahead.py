"""A move of one's own is on the board before the server can have answered; it goes when the server says no."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, Locator, expect

from kit.browser import Balancer, Person, person, robots_room
from kit.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

FREE = ".tictactoe .cell:enabled"


def cell(ann: Person, index: int) -> Locator:
    return ann.page.locator(".tictactoe .cell").nth(index)


async def test_a_mark_is_shown_at_once_and_taken_back_when_it_is_refused(
    browser: Browser, stack: Stack, balancer: Balancer
) -> None:
    """All that Ann's browser says is held, and all that it would hear. Her robot marks the first cell that is free."""
    async with (
        robots_room(stack.urls[0], balancer.url, 1, game="tictactoe", turn_seconds=600, rematch_seconds=0) as room,
        person(browser, "Ann") as ann,
    ):
        host, waits = room.host, ann.page.locator(".waits")
        await ann.open(room.url)
        await ann.page.locator("button[aria-label='Sit in seat 2']").click()
        await expect(cell(ann, 0)).to_have_text("X")
        await expect(waits).to_have_text("It is your turn.")

        balancer.hold()
        await cell(ann, 2).click()
        await expect(cell(ann, 2)).to_have_text("O")
        await expect(ann.page.locator(FREE)).to_have_count(0)
        await expect(waits).to_have_text("Waiting for Robot 1…")
        await expect(ann.page).not_to_have_title(re.compile("turn"))
        assert balancer.held > 0
        assert host.view["game"]["board"] == [0, *[None] * 8], "nobody else has heard of it"
        balancer.release()
        await expect(cell(ann, 1)).to_have_text("X")
        await expect(cell(ann, 2)).to_have_text("O")
        assert host.view["game"]["board"] == [0, 0, 1, *[None] * 6]

        balancer.hold()
        await cell(ann, 8).click()
        await expect(cell(ann, 8)).to_have_text("O")
        assert balancer.held > 0
        action = f"{stack.urls[0]}/api/rooms/{room.id}/actions"
        headers = {"X-Requested-With": "tavola"}
        other = await ann.context.request.post(action, data={"move": "mark", "cell": 7}, headers=headers)
        assert other.ok, "she has moved elsewhere meanwhile"
        balancer.release()
        await expect(ann.page.locator(".banner.note")).to_contain_text("turn")
        await expect(cell(ann, 8)).to_have_text("")
        await expect(cell(ann, 7)).to_have_text("O")

        await expect(cell(ann, 3)).to_have_text("X")
        balancer.hold()
        await cell(ann, 6).click()
        await expect(cell(ann, 6)).to_have_text("O")
        assert balancer.held > 0
        connections = len(balancer.served)
        await balancer.cut()  # and the move is lost
        await expect(ann.page.locator(".banner.warn")).to_be_visible()
        await expect(cell(ann, 6)).to_have_text("O")
        assert host.view["game"]["board"][6] is None
        balancer.release()
        await expect(cell(ann, 4)).to_have_text("X")
        await expect(cell(ann, 6)).to_have_text("O")
        assert host.view["game"]["board"] == [0, 0, 1, 0, 0, None, 1, 1, None]
        assert len(balancer.served) > connections
        assert ann.own_troubles == []
