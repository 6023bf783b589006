"""The host's part in the browser: who asks is let in, who must go goes, all stand still; and texts that mean harm."""

from __future__ import annotations

import asyncio
import os
import re
import signal

from playwright.async_api import Browser, expect

from kit.browser import Balancer, Person, person, robots_room
from kit.client import Api
from kit.stack import Stack, until

HOSTILE = "<img src=x onerror=alert(1)>'\"&amp;\u202e{{7*7}}"


async def opened(ann: Person, url: str, approval: str = "host") -> str:
    """The address of a table that Ann has opened and sits at."""
    await ann.open(url)
    await ann.page.get_by_role("button", name="Open a table").click()
    await ann.page.locator("#approval").select_option(approval)
    await ann.page.locator("#visibility").select_option("private")
    await ann.page.locator("dialog summary").click()
    await ann.page.locator("#option-turn_seconds").fill("600")
    await ann.page.locator("dialog").get_by_role("button", name="Open the table").click()
    await ann.mine.wait_for()
    return ann.page.url


async def test_from_asking_to_sitting_to_being_removed(browser: Browser, balancer: Balancer) -> None:
    async with person(browser, "Ann") as ann, person(browser, "Ben") as ben, person(browser, "Cy") as cy:
        url = await opened(ann, balancer.url)
        for each in (ben, cy):
            await each.open(url)
            await each.page.get_by_role("button", name="Ask to join").click()
            await expect(each.page.get_by_role("status").last).to_contain_text("has been asked")
            assert await each.page.locator(".felt").count() == 0
        await ann.panel("host")
        await expect(ann.page.locator("#tab-host")).to_have_text("Host (2)")
        await ann.page.get_by_role("button", name="Approve Ben").click()
        await ann.page.get_by_role("button", name="Reject Cy").click()
        await expect(cy.page.get_by_text("The host has said no.")).to_be_visible()
        await ben.sit(1)
        await expect(ann.page.locator("[data-seat='1']")).to_contain_text("Ben")

        await ann.page.get_by_role("button", name="Remove: Ben").click()
        await ann.page.locator("dialog").get_by_role("button", name="Remove").click()
        await expect(ben.page.get_by_role("alert")).to_contain_text("has removed you")
        assert ann.own_troubles == ben.own_troubles == cy.own_troubles == []


async def test_pause_chips_settings_and_passing_the_part_on(browser: Browser, balancer: Balancer) -> None:
    async with person(browser, "Ann") as ann, person(browser, "Ben") as ben:
        url = await opened(ann, balancer.url, "auto")
        await ann.panel("host")
        await ann.page.get_by_role("button", name="Chips: Ann").click()
        await ann.page.locator("#adjust").fill("-250")
        await ann.page.locator("dialog").get_by_role("button", name="Do it").click()
        await expect(ann.mine.locator(".stack")).to_have_text("750")
        await ann.page.get_by_role("button", name="Settings").click()
        await ann.page.locator("#option-big_blind").fill("20")
        await ann.page.locator("#room-name").fill("Renamed")
        await ann.page.locator("dialog").get_by_role("button", name="Save").click()
        await expect(ann.page.locator("h1")).to_have_text("Renamed")
        await expect(ann.page.locator(".room-head p")).to_contain_text("5/20")

        await ben.open(url)
        await ben.sit(1)
        await expect(ben.page.locator(".seat.acts")).to_have_count(1)
        await ann.page.get_by_role("button", name="Pause").click()
        for each in (ann, ben):
            await expect(each.banner).to_contain_text("paused")
            assert await each.moves.count() == 0
        await ann.page.get_by_role("button", name="Resume").click()
        await expect(ben.banner).not_to_contain_text("paused")
        await ann.page.get_by_role("button", name="Make host: Ben").click()
        await ann.page.locator("dialog").get_by_role("button", name="Pass it on").click()
        await expect(ben.page.locator("#tab-host")).to_be_visible()
        await expect(ann.page.locator("#tab-host")).to_have_count(0)
        assert ann.own_troubles == ben.own_troubles == []


async def test_acts_wait_for_the_end_of_the_hand_and_can_be_withdrawn(browser: Browser, balancer: Balancer) -> None:
    async with person(browser, "Ann") as ann, person(browser, "Ben") as ben:
        url = await opened(ann, balancer.url, "auto")
        await ben.open(url)
        await ben.sit(1)
        await expect(ben.page.locator(".seat.acts")).to_have_count(1)
        await ann.panel("host")
        dialog = ann.page.locator("dialog")
        await ann.page.get_by_role("button", name="Settings").click()
        await ann.page.locator("#room-name").fill("Renamed later")
        await dialog.get_by_role("button", name="Save after this hand").click()
        await ann.page.get_by_role("button", name="Chips: Ben").click()
        await dialog.get_by_role("button", name="Do it after this hand").click()
        await ann.page.get_by_role("button", name="Close the table after this hand").click()
        await dialog.get_by_role("button", name="Close it after this hand").click()
        for each in (ann, ben):
            told = each.page.locator(".after-hand")
            await expect(told).to_have_text(
                "After this hand the host will change the settings, give Ben 100, close the table."
            )
        await ann.page.get_by_role("button", name="Withdraw: close the table").click()
        await expect(ben.page.locator(".after-hand")).not_to_contain_text("close the table")
        assert await ann.page.locator("h1").text_content() != "Renamed later"
        for each in (ann, ben):
            fold = each.page.get_by_role("button", name="Fold")
            if await fold.count():
                await fold.click()
                break
        for each in (ann, ben):
            await expect(each.page.locator("h1")).to_have_text("Renamed later")
            await expect(each.page.locator(".after-hand")).to_have_count(0)
        assert ann.own_troubles == ben.own_troubles == []


async def test_a_closed_table_says_so_to_everybody(browser: Browser, balancer: Balancer) -> None:
    """To who sits there, who watches, and who comes by its address when all is over."""
    async with (
        person(browser, "Ann") as ann,
        person(browser, "Ben") as ben,
        person(browser, "Cy") as cy,
        person(browser, "Dee") as dee,
    ):
        url = await opened(ann, balancer.url, "auto")
        await ann.panel("host")
        await ann.page.get_by_role("button", name="Pause").click()
        await ben.open(url)
        await ben.sit(1)
        await cy.open(url)
        await expect(ann.page.locator(".room-head p")).to_contain_text("1 watching")
        await ann.page.get_by_role("button", name="Close the table").click()
        await ann.page.locator("dialog").get_by_role("button", name="Close it").click()
        for each in (ann, ben, cy):
            await expect(each.page.get_by_role("alert")).to_contain_text("closed this table")
        await ben.page.reload()
        await dee.open(url)
        for each in (ben, dee):
            await expect(each.page.get_by_role("alert")).to_contain_text("closed this table")
        await dee.page.get_by_role("link", name="To the lobby").click()
        await dee.page.locator("#rooms-title").wait_for()
        assert ann.own_troubles == ben.own_troubles == cy.own_troubles == dee.own_troubles == []


async def test_names_and_words_that_mean_harm_are_only_text(browser: Browser, stack: Stack, balancer: Balancer) -> None:
    async with person(browser, HOSTILE) as eve, person(browser, "Ann") as ann:
        shown = []
        for each in (eve, ann):
            each.page.on("dialog", lambda dialog: shown.append(dialog.message))
        async with (
            robots_room(stack.urls[0], balancer.url, 2, name=HOSTILE, turn_seconds=300) as room,
            Api(stack.urls[0]) as api,
        ):
            await ann.open(balancer.url)
            await expect(ann.page.locator(".room-line", has_text="7*7")).to_have_count(1)
            for seat, each in ((4, ann), (3, eve)):
                await each.open(room.url)
                await each.sit(seat)
            for text in (HOSTILE, "<script>alert(2)</script>", "javascript:alert(3)", "x" * 500):
                await eve.says(text)
                await expect(ann.page.locator(".talk li").last).to_contain_text(text[:40])
            name = (await api.ok("GET", f"/api/rooms/{room.id}"))["name"]
            assert "onerror" in name
            await expect(ann.page.locator("h1")).to_have_text(name)
            await until(lambda: "3" in room.players, "Eve at the table")
            await expect(ann.page.locator("[data-seat='3'] bdi")).to_have_text(room.players["3"]["display_name"])
            await ann.panel("hands")
            await expect(ann.page.locator(".story")).to_contain_text("onerror")
            await ann.panel("people")
            for each in (eve, ann):
                assert await each.page.locator("#app img, #app script, #app iframe").count() == 0
                assert each.troubles == [], "nor did the policy have anything to stop"
        assert shown == []


async def test_bots_are_seated_marked_play_and_are_put_out(browser: Browser, stack: Stack, balancer: Balancer) -> None:
    """They are clients of a process of the stack: when the edge that all are at dies, they go on at the other."""
    async with person(browser, "Ann") as ann:
        await opened(ann, balancer.url, "auto")
        await ann.panel("host")
        for seat, name in ((1, "tight"), (2, "loose")):
            await ann.page.get_by_role("button", name="Add a bot").click()
            await ann.page.locator("dialog #bot").select_option(name)
            await ann.page.locator("dialog #seat").select_option(str(seat))
            await ann.page.locator("dialog").get_by_role("button", name="Add it").click()
            await expect(ann.page.locator(f"[data-seat='{seat}'] .badge.bot")).to_have_text("bot")
        await ann.panel("hands")
        acted = ann.page.locator(".seat:not(.me) .badges .badge:not(.bot)")
        for _ in range(2):
            await ann.stay_in()
        await expect(acted.first).to_be_visible()
        edge = stack.pid_of("edges")
        os.kill(edge, signal.SIGKILL)
        for _ in range(2):
            await ann.stay_in()
        assert stack.pid_of("edges", 1) != edge
        await ann.panel("host")
        await ann.page.get_by_role("button", name=re.compile("^Remove: ")).first.click()
        playing = asyncio.create_task(ann.play())  # for the seat is free when the hand has ended
        try:
            await expect(ann.page.locator(".badge.bot")).to_have_count(2)  # one seat, and its line in the panel
        finally:
            playing.cancel()
        await until(lambda: stack.pid_of("edges") != edge, "the edge started again")
        assert ann.own_troubles == []
