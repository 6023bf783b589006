"""A player's turn: said by the title, told ahead, and not lost by closing the page without a word."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from playwright.async_api import Browser, Dialog, TimeoutError, expect

from kit.browser import Balancer, person, robots_room
from kit.stack import Stack


async def test_the_title_says_whose_turn_it_is_and_sound_is_off_by_a_click(
    browser: Browser, stack: Stack, balancer: Balancer
) -> None:
    async with (
        robots_room(stack.urls[0], balancer.url, 1, turn_seconds=300, next_hand_seconds=1, name="Quiet") as room,
        person(browser, "Ann") as ann,
    ):
        await ann.open(room.url)
        await ann.sit(1)
        await ann.my_turn()
        await expect(ann.page).to_have_title("● Your turn · Quiet · Tavola")
        await ann.page.get_by_role("button", name="Sound: on").click()
        await expect(ann.page.get_by_role("button", name="Sound: off")).to_be_visible()
        await ann.page.reload()
        await expect(ann.page.get_by_role("button", name="Sound: off")).to_be_visible()
        assert ann.own_troubles == []


async def test_check_or_fold_is_said_ahead_and_a_newcomer_is_told_when_they_play(
    browser: Browser, stack: Stack, balancer: Balancer
) -> None:
    async with (
        robots_room(stack.urls[0], balancer.url, 1, turn_seconds=300, next_hand_seconds=1) as room,
        person(browser, "Ann") as ann,
        person(browser, "Ben") as ben,
    ):
        await ann.open(room.url)
        await ann.sit(1)
        await ann.my_turn()
        await ben.open(room.url)
        await ben.sit(2)
        await expect(ben.page.locator(".waits")).to_have_text("You play from the next hand.")
        await ann.page.locator(".moves .fold").click()
        await expect(ben.page.locator(".waits")).not_to_have_text("You play from the next hand.")
        playing = asyncio.create_task(ann.play())
        try:
            said, before = False, 0
            while not said:
                await ben.stay_in()
                before = len(room.host.saw("player_action"))
                with suppress(TimeoutError):  # It may have been Ben's turn again before they could say anything.
                    await ben.page.locator("#ahead").check(timeout=2000)
                    said = True

            def done() -> bool:
                told = room.host.saw("player_action")[before:]
                return any(each["seat_index"] == 2 and each["move"] in ("check", "fold") for each in told)

            await room.host.until(done, "Ben's move, which he had said ahead")
        finally:
            playing.cancel()
        assert ann.own_troubles == ben.own_troubles == []


async def test_who_closes_the_page_of_their_seat_is_asked(browser: Browser, stack: Stack, balancer: Balancer) -> None:
    async with (
        robots_room(stack.urls[0], balancer.url, 1, turn_seconds=300) as room,
        person(browser, "Ann") as ann,
    ):
        asked: list[str] = []

        async def stay(dialog: Dialog) -> None:
            asked.append(dialog.type)
            await dialog.accept()

        ann.page.on("dialog", stay)
        await ann.open(room.url)
        await ann.page.locator(".felt").wait_for()
        await ann.page.reload()
        assert asked == [], "nobody is asked who only watches"
        await ann.sit(1)
        await ann.page.reload()
        assert asked == ["beforeunload"]
