"""The operator's page: closed to who does not know the secret; rooms, edges, and a room's past through others' eyes."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

from playwright.async_api import Browser, Route, expect

from kit.browser import Balancer, Person, person, robots_room
from kit.stack import ADMIN_SECRET, Stack

HOSTILE = "<img src=x onerror=alert(1)>"


async def knows(operator: Person, url: str, secret: str) -> None:
    await operator.open(f"{url}/admin")
    await operator.page.get_by_label("The operator's secret").fill(secret)
    await operator.page.get_by_role("button", name="Look").click()


async def test_from_the_secret_to_what_a_player_saw(browser: Browser, stack: Stack, balancer: Balancer) -> None:
    async with (
        robots_room(stack.urls[0], balancer.url, 2, name=HOSTILE, next_hand_seconds=1) as room,
        person(browser, "Olga") as olga,
    ):
        page = olga.page
        await knows(olga, stack.urls[0], "a guess of mine")
        await expect(page.get_by_role("alert")).to_contain_text("not the operator's secret")
        assert await page.locator("table").count() == 0
        await knows(olga, stack.urls[0], ADMIN_SECRET)

        # The page shows who is connected, which process has the room, what the edge does: and all of it goes on by
        # itself.
        await expect(page.get_by_role("region", name="Connected players", exact=True)).to_contain_text("Robot 1")
        line = page.get_by_role("region", name="Rooms", exact=True).locator("tr", has_text=room.code)
        await expect(line).to_contain_text("holdem")
        seq = line.locator("td").nth(4)
        await expect(seq).not_to_have_text(await seq.inner_text())
        await expect(page.get_by_role("region", name="Commands answered by this edge")).to_contain_text("act")
        await expect(page.get_by_role("region", name="Room actors", exact=True)).to_contain_text("at work")

        await expect(page.get_by_role("region", name="Tables", exact=True)).to_contain_text("game_states")

        await line.get_by_role("link").click()
        log = page.get_by_role("region", name="Log", exact=True)
        # The lines stand still under the pointer, however much is played meanwhile; elsewhere they go on.
        newest = log.locator("tbody tr").first
        await log.locator("tbody tr").nth(2).hover()
        shown_first = await newest.locator("td").first.inner_text()
        now = page.get_by_text(re.compile(r"At \d+, epoch"))
        await expect(now).not_to_contain_text(f"At {shown_first},")
        await expect(newest.locator("td").first).to_have_text(shown_first)
        await page.mouse.move(0, 0)
        await expect(newest.locator("td").first).not_to_have_text(shown_first)
        # A choice made before the server has answered to the last goes on from that one, not from what is drawn.
        answers = asyncio.Event()

        async def held(route: Route) -> None:
            await answers.wait()
            await route.continue_()

        await page.route("**/api/admin/**", held)
        view = log.locator("tr", has_text="hand_started").first.get_by_role("button", name="View at")
        await view.hover()
        chosen = await view.get_attribute("aria-label")
        await view.click()
        robot = room.robots[1]
        await page.get_by_label("Viewer").select_option(robot.who.user)
        answers.set()
        await page.unroute_all(behavior="wait")
        await expect(page.get_by_role("heading", name="As Robot 2 saw it after update")).to_be_visible()
        shown = page.locator("#view")
        await expect(shown).to_contain_text(robot.who.user)
        then: dict[str, Any] = json.loads(await shown.inner_text())
        at = int(await page.get_by_label("Seq").input_value())
        assert chosen == f"View at {at}"
        dealt = json.loads(robot.updates[at])
        assert then["me"]["hole_cards"] == dealt["patch"]["me"]["hole_cards"]
        await page.get_by_label("Viewer").select_option("")
        await expect(shown).to_contain_text('"role": "spectator"')
        assert "hole_cards" not in json.loads(await shown.inner_text())["me"]
        await page.get_by_role("button", name="On", exact=True).click()
        await expect(page.get_by_label("Seq")).to_have_value(str(at + 1))

        # The address says where one is, and nothing else; the tab remembers who is looking.
        assert ADMIN_SECRET not in page.url
        await page.reload()
        await expect(page.get_by_role("heading", name=f"after update {at + 1}")).to_be_visible()
        assert await page.locator("#app img").count() == 0
        await page.get_by_role("button", name="Forget the secret").click()
        await expect(page.get_by_label("The operator's secret")).to_be_visible()
        assert await page.evaluate("sessionStorage.length") == 0
        assert olga.own_troubles == []
