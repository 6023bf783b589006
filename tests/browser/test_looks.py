"""On a telephone, for screen readers, by keyboard: nothing out of reach, nothing without a name."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from kit.browser import DESKTOP, TELEPHONE, Balancer, Person, Room, person, robots_room
from kit.stack import ADMIN_SECRET, Stack

SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, from npm; not kept with the project."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm on this machine")
    folder: Path = tmp_path_factory.mktemp("axe")
    packed = subprocess.run(
        [npm, "pack", "axe-core@4", "--silent"], cwd=folder, capture_output=True, text=True, timeout=90, check=False
    )
    if packed.returncode:
        pytest.skip(f"axe-core cannot be had from npm: {packed.stderr.strip()[-200:]}")
    [archive] = folder.glob("axe-core-*.tgz")
    with tarfile.open(archive) as files:
        member = files.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode()


@pytest.fixture
async def table(stack: Stack, balancer: Balancer) -> AsyncIterator[Room]:
    async with robots_room(stack.urls[0], balancer.url, 3, turn_seconds=300, next_hand_seconds=1) as room:
        yield room


async def findings(each: Person, axe: str) -> list[Any]:
    """The findings that axe-core calls serious, with where they are."""
    await each.page.evaluate(axe)
    told = await each.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert len(told["passes"]) > 10
    return [
        (each["id"], [node["html"][:160] for node in each["nodes"]])
        for each in told["violations"]
        if each["impact"] in SERIOUS
    ]


async def test_axe_finds_nothing_serious(browser: Browser, table: Room, balancer: Balancer, axe: str) -> None:
    for size in (DESKTOP, TELEPHONE):
        async with person(browser, "Ann", size) as ann:
            await ann.open(balancer.url)
            await ann.page.locator(".room-line").first.wait_for()
            assert await findings(ann, axe) == []
            await ann.page.get_by_role("button", name="Open a table").click()
            await ann.page.locator("dialog summary").click()
            assert await findings(ann, axe) == []
            await ann.page.keyboard.press("Escape")
            await ann.open(table.url)
            await ann.sit(3)
            await ann.my_turn()
            assert await findings(ann, axe) == []
            if size == DESKTOP:
                for tab in ("hands", "people"):
                    await ann.panel(tab)
                    assert await findings(ann, axe) == []
            await ann.page.get_by_role("button", name="Leave seat").click()


async def test_the_operators_page_is_within_everybodys_reach(
    browser: Browser, stack: Stack, table: Room, axe: str
) -> None:
    for size in (DESKTOP, TELEPHONE):
        async with person(browser, "Olga", size) as olga:
            page = olga.page
            await olga.open(f"{stack.urls[0]}/admin")
            assert await findings(olga, axe) == []
            await page.get_by_label("Your secret as an operator").fill(ADMIN_SECRET)
            await page.keyboard.press("Enter")
            await page.get_by_role("region", name="Rooms", exact=True).wait_for()
            assert await findings(olga, axe) == []
            assert await page.evaluate("document.documentElement.scrollWidth") == size[0]
            await olga.open(f"{stack.urls[0]}/admin#{table.id}/1")
            await page.locator("#view").wait_for()
            await page.get_by_role("region", name="Log", exact=True).wait_for()
            assert await findings(olga, axe) == []
            assert await page.evaluate("document.documentElement.scrollWidth") == size[0]
            assert olga.troubles == []


async def test_axe_would_find_something(browser: Browser, axe: str) -> None:
    """The check can fail."""
    page = await browser.new_page()
    try:
        await page.set_content("<html><body>" + "<button></button>" * 3 + "<img src='x'></body></html>")
        await page.evaluate(axe)
        told = await page.evaluate("axe.run(document)")
        assert {"button-name", "image-alt"} <= {each["id"] for each in told["violations"]}
    finally:
        await page.close()


async def test_on_a_telephone_everything_is_within_reach(browser: Browser, table: Room) -> None:
    async with person(browser, "Ann", TELEPHONE) as ann:
        await ann.open(table.url)
        await ann.sit(3)
        await ann.my_turn()
        width, height = TELEPHONE
        assert await ann.page.evaluate("document.documentElement.scrollWidth") == width
        boxes = await ann.page.locator(".moves button, .seat .pod, .board .card, .panel-toggle").evaluate_all(
            "all => all.map(each => each.getBoundingClientRect().toJSON())"
        )
        assert len(boxes) >= 3 + 4 + 5 + 1
        for box in boxes:
            assert box["left"] >= 0, box
            assert box["right"] <= width, box
            assert box["bottom"] <= height, box
        for button in await ann.page.locator(".moves button").all():
            size = await button.bounding_box()
            assert size is not None
            assert size["height"] >= 44, "a thumb is no mouse"
        await ann.page.get_by_role("button", name="Chat & more").click()
        await ann.page.locator(".say input").fill("from the train")
        await ann.page.keyboard.press("Enter")
        await expect(ann.page.locator(".talk")).to_contain_text("from the train")
        await ann.page.get_by_role("button", name="Close").click()
        await ann.stay_in()
        assert ann.troubles == []


async def test_played_by_keyboard_and_heard(browser: Browser, table: Room) -> None:
    async with person(browser, "Ann") as ann:
        await ann.open(table.url)
        await ann.sit(3)
        await ann.my_turn()
        await expect(ann.page.locator("#spoken")).to_contain_text("It is your turn.")
        cards = await ann.cards()
        assert len(cards) == 2
        assert all(" of " in card for card in cards)
        # Typed amounts are kept within what is legal; the text of the button says what will be done.
        await ann.page.locator("#amount").fill("77")
        await ann.page.locator("#amount").blur()
        await expect(ann.page.locator(".moves")).to_contain_text("77")
        turn = await ann.turn()
        await ann.page.keyboard.press("r")
        await ann.page.wait_for_function(
            "turn => document.querySelector('.seat.me.acts [data-deadline]')?.dataset.deadline !== turn", arg=turn
        )
        moves = [event for event in table.host.saw("player_action") if event["seat_index"] == 3]
        assert [(move["move"], move["amount"]) for move in moves] in ([("raise", 77)], [("bet", 77)])
        # Keys that are typed into the chat are words, not moves.
        await ann.my_turn()
        await ann.says("f c r a")
        assert await ann.turn() is not None
        assert json.dumps(moves) == json.dumps(
            [event for event in table.host.saw("player_action") if event["seat_index"] == 3]
        )
        assert ann.troubles == []
