"""Giving up, a draw and a move taken back, by the buttons beside the table."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, expect

from kit.browser import DESKTOP, TELEPHONE, Person, person
from kit.client import Api
from kit.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def button(who: Person, name: str) -> Locator:
    return who.page.get_by_role("group", name="Offers").get_by_role("button", name=name, exact=True)


async def board(who: Person) -> list[str]:
    """The squares as they are named, beginning with a8."""
    named: list[str] = await who.page.locator("[data-square]").evaluate_all(
        "all => all.map(each => each.ariaLabel.replace(', can be reached', '')).sort()"
    )
    return named


async def move(who: Person, start: str, end: str) -> None:
    await who.page.locator(f"[data-square={start}].may").click()
    await who.page.locator(f"[data-square={end}].target").click()


async def pictured(name: str, *people: Person) -> None:
    """A screenshot of each, where somebody wants to look."""
    if folder := os.environ.get("TAVOLA_PICTURES"):
        for each in people:
            await each.page.screenshot(path=Path(folder) / f"{name}-{each.name}.png")


async def test_two_people_agree_and_one_gives_up(browser: Browser, stack: Stack) -> None:
    """Ann, at a desk, has White; Ben has a telephone, and keys."""
    url = stack.urls[0]
    async with Api(url) as api, person(browser, "Ann", DESKTOP) as ann, person(browser, "Ben", TELEPHONE) as ben:
        host = await api.sign_in("Host")
        body = {"game": "chess", "approval": "auto", "name": "Two", "options": {"rematch_seconds": 600}}
        summary = await api.ok("POST", "/api/rooms", host, body)
        for seat, each in enumerate((ann, ben)):
            await each.open(f"{url}/room/{summary['code']}")
            await expect(each.page.locator(".standing")).to_have_count(0)
            await each.page.locator(f"button[aria-label='Sit in seat {seat + 1}']").click()
            await each.mine.wait_for()
        standing = [each.page.locator(".standing[role=status]") for each in (ann, ben)]

        await button(ann, "Offer draw").click()
        await expect(button(ann, "Withdraw")).to_be_focused()
        for line in standing:
            await expect(line).to_have_text("Ann offers a draw.")
        await expect(button(ann, "Accept")).to_have_count(0)
        await pictured("offered", ann, ben)
        taps = [await each.bounding_box() for each in await ben.page.locator(".foot button").all()]
        assert min(tap["height"] for tap in taps if tap) >= 44, "as large as a finger"
        await button(ben, "Decline").focus()
        await ben.page.keyboard.press("Enter")
        await expect(button(ben, "Resign")).to_be_focused()
        for line in standing:
            await expect(line).to_be_empty()

        before = await board(ann)
        await move(ann, "e2", "e4")
        await expect(ben.page.locator("[data-square=e7].may")).to_be_visible()
        await button(ann, "Take back").click()
        await expect(standing[1]).to_have_text("Ann asks to take a move back.")
        await pictured("asked", ann, ben)
        await button(ben, "Accept").click()
        await expect(ann.page.locator("[data-square=e2].may")).to_be_visible()
        await expect(ben.page.locator("[data-square=e4]")).to_have_accessible_name("e4")
        assert await board(ann) == await board(ben) == before
        await button(ann, "Take back").click()
        await expect(ann.page.get_by_text("There is no move of yours to take back.")).to_be_visible()

        await button(ben, "Resign").focus()
        await ben.page.keyboard.press("Enter")
        await expect(button(ben, "Play on")).to_be_focused()
        await pictured("sure", ann, ben)
        await ben.page.keyboard.press("Escape")
        await expect(button(ben, "Resign")).to_be_focused()
        await ben.page.keyboard.press("Enter")
        await button(ben, "Resign the game").click()
        for each in (ann, ben):
            await expect(each.page.locator(".ended")).to_have_text("White wins, by resignation or time. Copy PGN")
            await expect(each.page.get_by_role("group", name="Offers").get_by_role("button")).to_have_count(0)
            assert await each.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            assert each.troubles == []
        await pictured("over", ann, ben)
        await api.ok("POST", f"/api/rooms/{summary['id']}/close", host)
