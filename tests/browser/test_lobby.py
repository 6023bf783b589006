"""The lobby: a name, a table of one's own by the form that the schema makes, a code, the list as it is now."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import Browser, Route, expect

from kit.browser import Balancer, Person, person, robots_room
from kit.stack import Stack


async def test_a_table_of_ones_own_and_a_friend_who_comes_by_its_code(browser: Browser, balancer: Balancer) -> None:
    async with person(browser, "Ann") as ann, person(browser, "Ben") as ben:
        await ann.open(balancer.url)
        await expect(ann.page.locator("#name")).to_have_value("Ann")
        await ann.page.get_by_role("button", name="Open a table").click()
        await ann.page.locator("#room-name").fill("Ann's own")
        await ann.page.locator("dialog summary").click()
        await ann.page.locator("#option-seats").fill("4")
        await ann.page.locator("#option-big_blind").fill("50")
        await ann.page.locator("#option-small_blind").fill("25")
        await ann.page.locator("dialog").get_by_role("button", name="Open the table").click()
        await expect(ann.page.locator("h1")).to_have_text("Ann's own")
        await ann.mine.wait_for()  # who opens a table sits at it
        await expect(ann.page.locator(".room-head p")).to_contain_text("25/50")
        assert await ann.page.locator(".seats > li").count() == 4
        code = re.sub("Invite ", "", await ann.page.locator(".code").inner_text())

        await ben.open(balancer.url)
        line = ben.page.locator(".room-line", has_text="Ann's own")
        await expect(line).to_contain_text("1/4")
        await ben.page.locator("#code").fill(code.lower())
        await ben.page.keyboard.press("Enter")
        await ben.sit(2)
        await expect(ann.page.locator("[data-seat='2']")).to_contain_text("Ben")
        await ann.my_turn()  # heads-up: the button acts first, and the host sat down first
        assert ann.troubles == ben.troubles == []


async def test_rules_that_were_opened_before_the_games_came_stay_open(browser: Browser, balancer: Balancer) -> None:
    come = asyncio.Event()

    async def late(route: Route) -> None:
        await come.wait()
        await route.continue_()

    async with person(browser, "Ann") as ann:
        await ann.page.route("**/api/games", late)
        await ann.open(balancer.url)
        await ann.page.get_by_role("button", name="Open a table").click()
        await ann.page.locator("dialog summary").click()
        assert await ann.page.locator("#game option").count() == 0
        come.set()
        await expect(ann.page.locator("#option-big_blind")).to_be_visible()
        await ann.page.locator("#game").select_option("chess")
        await expect(ann.page.locator("#option-big_blind")).to_have_count(0)
        await expect(ann.page.locator("dialog .fields input").first).to_be_visible()
        assert ann.troubles == []


async def test_rules_that_cannot_be_are_told(browser: Browser, balancer: Balancer) -> None:
    async with person(browser, "Ann") as ann:
        await ann.open(balancer.url)
        await ann.page.get_by_role("button", name="Open a table").click()
        await ann.page.locator("dialog summary").click()
        await ann.page.locator("#option-small_blind").fill("500")
        await ann.page.locator("dialog").get_by_role("button", name="Open the table").click()
        await expect(ann.banner).to_contain_text("small_blind must not be larger")
        await expect(ann.page.locator("dialog")).to_be_visible()


async def test_the_list_follows_and_can_be_narrowed(browser: Browser, stack: Stack, balancer: Balancer) -> None:
    async with person(browser, "Eye") as eye:
        await eye.open(balancer.url)
        await eye.page.locator("#rooms-title").wait_for()
        async with robots_room(stack.urls[0], balancer.url, 2, game="tictactoe", name="Noughts", rematch_seconds=600):
            line = eye.page.locator(".room-line", has_text="Noughts")
            await expect(line).to_contain_text("2/2")
            await expect(line).to_contain_text("Tic-tac-toe")
            await eye.page.get_by_label("with a free seat").check()
            await expect(line).to_have_count(0)
            await eye.page.get_by_label("with a free seat").uncheck()
            await expect(line).to_have_count(1)
            await eye.page.get_by_label("Game", exact=True).select_option("holdem")
            await expect(line).to_have_count(0)
        assert eye.troubles == []


async def test_a_name_is_given_and_goes_along(browser: Browser, stack: Stack, balancer: Balancer) -> None:
    async with (
        person(browser, "Ann") as ann,
        robots_room(stack.urls[0], balancer.url, 1, turn_seconds=300) as room,
    ):
        await ann.open(balancer.url)
        await ann.page.locator("#name").fill("Anna  Bell")
        await ann.page.keyboard.press("Enter")
        await expect(ann.banner).to_contain_text("You are Anna Bell now.")
        await ann.page.locator(f".room-line a[href='/room/{room.code}']").click()
        await ann.sit(3)
        await expect(ann.mine.locator("bdi")).to_have_text("Anna Bell")
        assert ann.troubles == []


async def test_an_address_of_no_room(browser: Browser, balancer: Balancer) -> None:
    async with person(browser, "Ann") as ann:
        await ann.open(f"{balancer.url}/room/NOROOM")
        await expect(ann.page.get_by_role("alert")).to_have_text("There is no such room.")
        await ann.page.get_by_role("link", name="To the lobby").click()
        await expect(ann.page.locator("h1")).to_have_text("Take a seat")


async def test_a_seat_at_once(browser: Browser, stack: Stack, balancer: Balancer) -> None:
    """One press, and one sits at a table of the usual rules where others play (no other test opens one of these)."""
    async with person(browser, "Ann") as ann, robots_room(stack.urls[0], balancer.url, 2) as room:
        await ann.open(balancer.url)
        await ann.page.get_by_role("button", name="Play No-limit hold'em").click()
        await ann.mine.wait_for()
        await expect(ann.page.locator(".code")).to_contain_text(room.code)
        await ann.my_turn()
        assert ann.troubles == []


async def test_tic_tac_toe_has_its_board_and_any_game_its_form(browser: Browser, balancer: Balancer) -> None:
    async with person(browser, "Ann") as ann, person(browser, "Ben") as ben:
        await ann.open(balancer.url)
        await ann.page.get_by_role("button", name="Open a table").click()
        await ann.page.locator("#game").select_option("tictactoe")
        await ann.page.locator("dialog summary").click()
        await ann.page.locator("#option-rematch_seconds").fill("1")
        await ann.page.locator("#option-turn_seconds").fill("300")
        await ann.page.locator("dialog").get_by_role("button", name="Open the table").click()
        await ann.mine.wait_for()
        await ben.open(ann.page.url)
        await ben.page.locator(".sit").click()
        for cell, mark, each in ((0, "X", ann), (3, "O", ben), (1, "X", ann), (4, "O", ben), (2, "X", ann)):
            await each.page.locator(f".cell:nth-child({cell + 1}):enabled").click()
            for sees in (ann, ben):
                await expect(sees.page.locator(f".cell:nth-child({cell + 1})")).to_have_text(mark)
        await ben.panel("hands")
        await expect(ben.page.locator(".story")).to_contain_text("Ann wins.")
        assert ann.troubles == ben.troubles == []


async def test_play_is_pressed_once_and_carries_the_name(browser: Browser, balancer: Balancer) -> None:
    """Straight from the field to the button, as slowly as people press."""
    for name in ("Anna Bell", "Bea Bell"):
        async with person(browser, "Ann") as ann:
            await ann.open(balancer.url)
            await ann.page.locator("#name").fill(name)
            await ann.page.get_by_role("button", name="Play Tic-tac-toe").click(delay=100)
            await ann.mine.wait_for()
            await expect(ann.mine.locator("bdi")).to_have_text(name)
            assert ann.troubles == []


async def test_a_name_that_is_refused_starts_nothing(browser: Browser, balancer: Balancer) -> None:
    async with person(browser, "Ann") as ann:
        await ann.open(balancer.url)
        await ann.page.locator("#name").fill("\u3164")
        await ann.page.get_by_role("button", name="Play Tic-tac-toe").click(delay=100)
        await expect(ann.banner).to_contain_text("visible character")
        await expect(ann.page.locator("h1")).to_have_text("Take a seat")
        await expect(ann.page.get_by_role("button", name="Play Tic-tac-toe")).to_be_enabled()


async def test_a_notice_moves_nothing_and_is_in_nobodys_way(browser: Browser, balancer: Balancer) -> None:
    async with person(browser, "Ann") as ann:
        await ann.open(balancer.url)
        button = ann.page.get_by_role("button", name="Play Tic-tac-toe")
        before = await button.bounding_box()
        await ann.page.locator("#name").fill("Anna")
        await ann.page.keyboard.press("Enter")
        await expect(ann.banner).to_contain_text("You are Anna now.")
        assert await button.bounding_box() == before
        await _nothing_in_the_way(ann)

        # A table of her own: *Play* sends people to others who wait for somebody.
        await ann.page.get_by_role("button", name="Open a table").click()
        await ann.page.locator("#game").select_option("tictactoe")
        await ann.page.locator("dialog").get_by_role("button", name="Open the table").click()
        await ann.mine.wait_for()
        code = ann.page.locator(".code")
        await ann.panel("host")
        before = await code.bounding_box()
        await ann.page.get_by_role("button", name="Pause", exact=True).click()
        await expect(ann.banner).to_contain_text("paused")
        assert await code.bounding_box() == before
        await _nothing_in_the_way(ann)


async def _nothing_in_the_way(who: Person) -> None:
    under = "({x, y, width, height}) => document.elementFromPoint(x + width / 2, y + height / 2).closest('.banner')"
    assert await who.page.evaluate(under, await who.banner.bounding_box()) is None


async def test_a_private_table_and_a_friend_who_has_its_code(browser: Browser, balancer: Balancer) -> None:
    async with person(browser, "Ann") as ann, person(browser, "Ben") as ben:
        await ann.open(balancer.url)
        await ann.page.get_by_role("button", name="Open a table").click()
        await ann.page.locator("#game").select_option("tictactoe")
        await ann.page.locator("#visibility").select_option("private")
        await ann.page.locator("#approval").select_option("host")
        await ann.page.locator("dialog").get_by_role("button", name="Open the table").click()
        await ann.mine.wait_for()
        code = re.sub("Invite ", "", await ann.page.locator(".code").inner_text())
        room = await ann.page.evaluate("fetch(`/api/rooms/${location.pathname.split('/')[2]}`).then((r) => r.json())")

        await ben.open(f"{balancer.url}/room/{room['id']}")
        await expect(ben.page.get_by_role("alert")).to_have_text("There is no such room.")
        await ben.page.get_by_role("link", name="To the lobby").click()
        await ben.page.locator("#code").fill(f"{code[:5].lower()}-{code[5:]}")
        await ben.page.keyboard.press("Enter")
        await ben.page.get_by_role("button", name="Ask to join").click()
        await expect(ben.page.get_by_role("status").last).to_contain_text("has been asked")
        await ben.page.reload()
        await expect(ben.page.locator("main")).to_contain_text("has been asked")
