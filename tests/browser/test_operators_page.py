"""An operator's day: they look, and act, each act said first and confirmed."""

from __future__ import annotations

from playwright.async_api import Browser, Page, expect
from test_admin import knows

from kit.browser import Balancer, person
from kit.client import Api
from kit.command import tavola
from kit.stack import ADMIN_SECRET, Stack


async def act(page: Page, does: str) -> None:
    """The act is said, and done."""
    dialog = page.get_by_role("dialog")
    await expect(dialog.locator("#does")).to_contain_text(does)
    await dialog.get_by_role("button", name="Do it").click()
    await expect(dialog).to_have_count(0)
    await expect(page.get_by_role("status").filter(has_text="Done.")).to_contain_text(does)


async def test_a_day(browser: Browser, stack: Stack, balancer: Balancer) -> None:
    async with (
        Api(stack.urls[0]) as api,
        person(browser, "Olga") as olga,
        person(browser, "Ann") as ann,
    ):
        host, ben = await api.sign_in("Host"), await api.sign_in("Ben")
        opened = {"game": "tictactoe", "name": "Friday night", "approval": "auto"}
        made = await api.ok("POST", "/api/rooms", host, opened)
        room, code = made["id"], made["code"]
        await api.ok("POST", f"/api/rooms/{room}/join", ben, {"display_name": "Ben"})
        await ann.open(f"{balancer.url}/room/{code}")
        page = olga.page
        await knows(olga, stack.urls[0], ADMIN_SECRET)
        line = page.get_by_role("region", name="Rooms", exact=True).locator("tr", has_text=code)
        await line.get_by_role("link").click()
        bar = page.get_by_role("region", name="Act", exact=True)

        # Said first; No leaves it alone.
        await bar.get_by_role("button", name="Pause").click()
        await expect(page.get_by_role("dialog")).to_contain_text("Pauses Friday night")
        await page.get_by_role("dialog").get_by_role("button", name="No").click()
        await expect(bar.get_by_role("button", name="Let it go on")).to_have_count(0)

        await bar.get_by_role("button", name="Pause").click()
        await act(page, "Pauses Friday night")
        await bar.get_by_role("button", name="Let it go on").click()
        await act(page, "Lets Friday night")
        await bar.get_by_role("button", name="Announce").click()
        await page.get_by_label("Words to say").fill("We restart at nine.")
        await page.keyboard.press("Enter")
        await act(page, "We restart at nine.")
        await expect(ann.page.get_by_text("We restart at nine.").first).to_be_visible()

        members = page.get_by_role("region", name="Members", exact=True)
        robot = members.locator("tr", has_text="Ben")
        await robot.get_by_role("button", name="Mute").click()
        await page.get_by_label("Why").fill("shouts")
        await page.get_by_label("For how many minutes").fill("90")
        await page.keyboard.press("Enter")
        await act(page, "for 90 minutes")
        await bar.get_by_role("button", name="Close").click()
        await act(page, "Closes Friday night")

        await page.get_by_role("link", name="All rooms").click()
        standing = page.get_by_role("region", name="Kept out or not heard")
        await expect(standing).to_contain_text("shouts")
        await standing.get_by_role("button", name="Lift").click()
        await act(page, "is heard again")
        await expect(page.get_by_text("Kept out or not heard: none.")).to_be_visible()
        done = page.get_by_role("region", name="Acts", exact=True)
        for each in ("unmute", "close", "mute", "announce", "resume", "pause"):
            await expect(done.locator("tr", has_text=each).first).to_contain_text("admin")
        assert olga.troubles == []


async def test_a_role_that_only_looks_has_no_buttons(browser: Browser, stack: Stack) -> None:
    code, secret = await tavola(stack, "operator", "add", "looker")
    assert code == 0, secret
    async with person(browser, "Leo") as leo:
        await knows(leo, stack.urls[0], secret.strip().splitlines()[-1])
        await expect(leo.page.get_by_text("You are looker.")).to_be_visible()
        for name in ("Ban", "Drain", "Announce to all"):
            assert await leo.page.get_by_role("button", name=name).count() == 0
        assert leo.troubles == []
    assert (await tavola(stack, "operator", "remove", "looker"))[0] == 0
