"""The operator's page: closed to who does not know the secret; rooms, edges, and a room's past through others' eyes."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Route, expect

from kit.browser import TELEPHONE, Balancer, Person, person, robots_room
from kit.stack import ADMIN_SECRET, Stack

NONE = "\N{EN DASH}"
"""Stands for a figure that there is not."""
HOSTILE = "<img src=x onerror=alert(1)>"


async def knows(operator: Person, url: str, secret: str) -> None:
    await operator.open(f"{url}/admin")
    await operator.page.get_by_label("Your secret as an operator").fill(secret)
    await operator.page.get_by_role("button", name="Look").click()


async def test_from_the_secret_to_what_a_player_saw(browser: Browser, stack: Stack, balancer: Balancer) -> None:
    async with (
        robots_room(stack.urls[0], balancer.url, 2, name=HOSTILE, next_hand_seconds=1) as room,
        person(browser, "Olga") as olga,
    ):
        page = olga.page
        await knows(olga, stack.urls[0], "a guess of mine")
        await expect(page.get_by_role("alert")).to_contain_text("no operator's secret")
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
        await expect(page.get_by_label("Your secret as an operator")).to_be_visible()
        assert await page.evaluate("sessionStorage.length") == 0
        assert olga.own_troubles == []


async def test_charts_of_what_persistence_costs(browser: Browser, stack: Stack, balancer: Balancer) -> None:
    """By game, with units, of what was just played; and the sums, which only go up."""
    async with (
        robots_room(stack.urls[0], balancer.url, 2, next_hand_seconds=1),
        person(browser, "Olga") as olga,
    ):
        page = olga.page
        await knows(olga, stack.urls[0], ADMIN_SECRET)
        section = page.get_by_role("region", name="Persistence", exact=True)
        charts = section.get_by_role("group", name="holdem, the last five minutes")
        expected = {
            "Commit time": r"now p50 [\d.,]+ ms, p99 [\d.,]+ ms; the scale ends at [\d.,]+ ms",
            "Rows": r"now [\d.,]+/s; the scale ends at [\d.,]+/s",
            "Bytes": r"now [\d.,]+ ?[kM]?B/s; the scale ends at [\d.,]+ ?[kM]?B/s",
            "Load time": r"now p50 .*ms; the scale ends at [\d.,]+ ms",
        }
        for title, told in expected.items():
            chart = charts.locator("figure", has_text=title).get_by_role("img")
            await expect(chart).to_have_attribute("aria-label", re.compile(rf"^{title}: {told}$"))
            line = chart.locator("path").last
            await expect(line).to_have_attribute("d", re.compile(r"^M[\d.]+ [\d.]+h\.4"))
            shown = await line.evaluate("path => [path.getTotalLength(), getComputedStyle(path).stroke]")
            assert shown[0] > 0, title
            assert shown[1].startswith("rgb"), title
        # A line goes on to the right edge, which is now, and no point of it is outside of its chart.
        places = await charts.locator("path").evaluate_all("all => all.map(path => path.getAttribute('d'))")
        for path in filter(None, places):
            points = [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", path)]
            assert all(0 <= x <= 59 and 0 <= y <= 100 for x, y in points), path
        assert any(re.search(r"[ML]59 [\d.]+(h\.4)?$", path) for path in places)

        row = section.get_by_role("region", name="Persistence by game").locator("tr", has_text="holdem")
        rows = row.locator("td").nth(1)
        before = int((await rows.inner_text()).replace(",", ""))
        await expect(rows).not_to_have_text(await rows.inner_text())
        assert int((await rows.inner_text()).replace(",", "")) > before > 0
        await expect(row.locator("td").nth(5)).to_have_text(re.compile(r"^[\d.]+ ms$"))
        await olga.page.set_viewport_size({"width": TELEPHONE[0], "height": TELEPHONE[1]})
        assert await page.evaluate("document.documentElement.scrollWidth") <= TELEPHONE[0]
        assert olga.own_troubles == []


LONG_AGO = {
    "game": "chess", "rows": 12_345, "bytes": 5_400_000, "replays": 2, "repairs": 1,
    "commits": {"count": 9_000, "p50_ms": 1.75, "p99_ms": 12.5}, "loads": {"count": 0, "p50_ms": None, "p99_ms": None},
    "lately": {
        "at": ["2026-01-01T00:00:00.000Z"], "rows_a_second": [0.0], "bytes_a_second": [0.0], "commit_p50_ms": [None],
        "commit_p99_ms": [None], "load_p50_ms": [None], "load_p99_ms": [None],
    },
}  # fmt: skip


@pytest.mark.parametrize("games", [[], [LONG_AGO]], ids=["never", "not lately"])
async def test_no_charts_where_nothing_was_done(browser: Browser, stack: Stack, games: list[Any]) -> None:
    async with person(browser, "Olga") as olga:

        async def told(route: Route) -> None:
            await route.fulfill(json={"games": games})

        await olga.page.route("**/api/admin/persistence*", told)
        await knows(olga, stack.urls[0], ADMIN_SECRET)
        section = olga.page.get_by_role("region", name="Persistence", exact=True)
        await expect(section).to_contain_text("Nothing was committed or loaded in the last five minutes.")
        assert await section.locator("svg").count() == 0
        if games:
            cells = await section.locator("tbody td").all_inner_texts()
            assert cells == ["chess", "12,345", "5.4 MB", "9,000", "1.8 ms", "12.5 ms", "0", NONE, NONE, "2", "1"]
        else:
            await expect(section).to_contain_text("Persistence by game: none.")
        assert olga.own_troubles == []


async def test_a_gap_breaks_a_line(browser: Browser, stack: Stack) -> None:
    lately = {
        **LONG_AGO["lately"],  # type: ignore[dict-item]
        "rows_a_second": [0.0, 3.0, 4.0], "bytes_a_second": [0.0, 300.0, 1_000.0],
        "commit_p50_ms": [1.0, None, 4.0], "commit_p99_ms": [2.0, 4.0, 8.0],
    }  # fmt: skip
    async with person(browser, "Olga") as olga:

        async def told(route: Route) -> None:
            await route.fulfill(json={"games": [{**LONG_AGO, "lately": lately}]})

        await olga.page.route("**/api/admin/persistence*", told)
        await knows(olga, stack.urls[0], ADMIN_SECRET)
        charts = olga.page.get_by_role("group", name="chess, the last five minutes")
        commits = charts.get_by_role("img", name="Commit time: now p50 4 ms, p99 8 ms; the scale ends at 10 ms")
        await expect(commits.locator("path.p50")).to_have_attribute("d", "M57 90.0h.4M59 60.0h.4")
        await expect(commits.locator("path.p99")).to_have_attribute("d", "M57 80.0h.4L58 60.0L59 20.0")
        rows = charts.get_by_role("img", name="Rows: now 4/s; the scale ends at 5/s")
        await expect(rows.locator("path")).to_have_attribute("d", "M57 100.0h.4L58 40.0L59 20.0")
        await expect(charts.get_by_role("img", name="Bytes: now 1 kB/s; the scale ends at 1 kB/s")).to_be_visible()
        loads = charts.get_by_role("img", name=f"Load time: now p50 {NONE}, p99 {NONE}; the scale ends at 1 ms")
        await expect(loads).to_be_visible()


async def test_growth_is_shown(browser: Browser, stack: Stack) -> None:
    """Bytes by table and how many more a day, what the disk has left, and when it is full: as it was measured."""
    day = 86_400_000
    async with person(browser, "Olga") as olga, stack.truth() as truth:
        await knows(olga, stack.urls[0], ADMIN_SECRET)
        section = olga.page.get_by_role("region", name=re.compile("^Storage"))
        await expect(section.get_by_role("heading")).to_contain_text("Storage (at ")
        now = await truth.value("SELECT max(at) FROM sizes")
        await expect(section.get_by_role("region", name="Tables", exact=True)).to_contain_text("game_states")
        await expect(_figure(section, "More a day")).to_have_text("not known")
        sizes = {
            now + 1: {"": 9_000_000, " free": 40_000_000, "log": 5_000_000, "hands": 2_000_000, "rooms": 90_000},
            now + 1 - day: {"": 5_000_000, " free": 44_000_000, "log": 2_500_000, "hands": 1_000_000, "rooms": 90_000},
        }
        try:
            for at, names in sizes.items():
                for name, size in names.items():
                    await truth.rows("INSERT INTO sizes (at, name, bytes) VALUES ($1, $2, $3)", at, name, size)
            shown = {"Database": "9 MB", "More a day": "4 MB", "Free on its disk": "40 MB", "Full in": "10 days"}
            for name, value in shown.items():
                await expect(_figure(section, name)).to_have_text(value)
            rows = section.get_by_role("region", name="Tables", exact=True).locator("tbody tr")
            await expect(rows).to_have_text(["log5 MB2.5 MB", "hands2 MB1 MB", "rooms90 kB0 byte"])
        finally:
            await truth.rows("DELETE FROM sizes WHERE at = ANY($1)", list(sizes))
        await expect(_figure(section, "Full in")).not_to_have_text("10 days")
        assert olga.own_troubles == []


def _figure(section: Locator, name: str) -> Locator:
    return section.locator(".figures > div", has=section.page.get_by_text(name, exact=True)).locator("dd")
