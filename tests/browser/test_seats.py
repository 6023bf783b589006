"""How a seat's player is: away, out, without chips, played for; and who comes back without their session."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Browser, expect

from kit.browser import Balancer, person, robots_room
from kit.stack import Stack, until

SLOW: dict[str, Any] = {"turn_seconds": 300, "next_hand_seconds": 1}


async def test_away_shows_on_the_seat_and_goes_again(browser: Browser, stack: Stack, balancer: Balancer) -> None:
    async with person(browser, "Ann") as ann, robots_room(stack.urls[0], balancer.url, 2, **SLOW) as room:
        await ann.open(room.url)
        seat = ann.page.locator("[data-seat='1']")
        await seat.wait_for()
        robot = room.robots[1]
        await robot.stop()
        await expect(seat.locator(".status-away")).to_have_text("away")
        await robot.follow(stack.urls[0])
        await expect(seat.locator(".status-away")).to_have_count(0)
        assert ann.troubles == []


async def test_sitting_out_coming_back_and_adding_chips(browser: Browser, stack: Stack, balancer: Balancer) -> None:
    async with person(browser, "Ann") as ann, robots_room(stack.urls[0], balancer.url, 1, **SLOW) as room:
        await ann.open(room.url)
        await ann.page.locator("button[aria-label='Sit in seat 4']").click()
        await ann.page.locator("#buy-in").fill("400")
        await ann.page.locator("#buy-in").blur()
        await ann.page.locator("dialog button.primary").click()
        await ann.mine.wait_for()
        await until(lambda: "3" in room.players, "Ann at the table")
        brought = room.players["3"]["chips"] + room.players["3"]["bet"]
        assert brought == 400
        await ann.page.get_by_role("button", name="Sit out").click()
        await expect(ann.mine.get_by_text("sitting out")).to_be_visible()
        await until(lambda: room.players["3"]["status"] == "sitting_out", "out, for everybody")
        # The rest of the hand is played; then there is nothing to wait for.
        while await ann.moves.count():
            await ann.stay_in()
        await expect(ann.mine.locator(".clock")).to_have_count(0)
        await until(lambda: room.host.view.get("turn") is None, "the hand's end")
        had = room.players["3"]["chips"]
        await ann.page.get_by_role("button", name="Add chips").click()
        await ann.page.locator("#buy-in").fill("500")
        await ann.page.locator("#buy-in").blur()
        await ann.page.locator("dialog").get_by_role("button", name="Add", exact=True).click()
        await until(lambda: room.players["3"]["chips"] == had + 500, "chips added")
        await ann.page.get_by_role("button", name="I'm back").click()
        await ann.my_turn()
        assert ann.own_troubles == []


async def test_what_the_clock_played_is_marked(browser: Browser, stack: Stack, balancer: Balancer) -> None:
    rules = {"turn_seconds": 2, "timebank_seconds": 0, "timebank_refill_seconds": 0}
    async with person(browser, "Ann") as ann, robots_room(stack.urls[0], balancer.url, 3, **SLOW | rules) as room:
        await room.robots[0].stop()
        await room.robots[0].follow(stack.urls[0])  # there, but thinking
        await ann.open(room.url)
        await ann.page.locator(".felt").wait_for()
        await room.robots[1].until(lambda: any("automatic" in event for event in room.robots[1].events), "played for")
        await ann.panel("hands")
        await expect(ann.page.locator(".story, .badge").get_by_text("auto").first).to_be_visible()
        assert ann.troubles == []


async def test_without_his_session_a_player_still_takes_up_his_seat(
    browser: Browser, stack: Stack, balancer: Balancer
) -> None:
    async with person(browser, "Ann") as ann, robots_room(stack.urls[0], balancer.url, 2, **SLOW) as room:
        await ann.open(room.url)
        await ann.sit(3)
        await ann.my_turn()
        cards = await ann.cards()
        assert [cookie["name"] for cookie in await ann.context.cookies()] == ["tavola_session"]
        await ann.context.clear_cookies()
        await ann.page.reload()
        await ann.my_turn()
        assert await ann.cards() == cards
        await ann.stay_in()
        assert ann.own_troubles == []
