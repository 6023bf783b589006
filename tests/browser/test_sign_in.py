"""An operator signs in at the issuer with a browser, looks, and signs out; and one who is none is told so."""

from __future__ import annotations

import socket

from playwright.async_api import Browser, expect

from kit.browser import person
from kit.signing_in import signing_in
from kit.small_issuer import served


def free_origin() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


async def test_there_and_back(browser: Browser, database_url: str, redis_url: str) -> None:
    origin = free_origin()
    port = int(origin.rpartition(":")[2])
    async with (
        signing_in(database_url, redis_url, origin) as (d, issuer, door),
        served(door.app, port),
        person(browser, "Olga") as olga,
    ):
        await d.database.rows("add_operator", name="olga", role="look", hash=None, user_id="auth0|olga")
        page = olga.page
        issuer.user = "auth0|eve"
        await olga.open(f"{origin}/admin")
        link = page.get_by_role("link", name="Sign in with 127.0.0.1")
        await link.click()
        await expect(page.get_by_role("alert")).to_contain_text("no operator here")
        await expect(page.get_by_text("tavola operator add NAME")).to_be_visible()

        issuer.user = "auth0|olga"
        await page.get_by_role("link", name="Sign in again").click()
        await expect(page.get_by_text("You are olga.")).to_be_visible()
        assert page.url == f"{origin}/admin", "nothing of the sign-in stays in the address"
        await page.reload()
        await expect(page.get_by_text("You are olga.")).to_be_visible()
        kept = await page.evaluate("document.cookie + Object.keys({...sessionStorage, ...localStorage})")
        assert kept == "tavola.name", "no script gets at it"

        await page.get_by_role("button", name="Sign out").click()
        await expect(link).to_be_visible()
        await page.reload()
        await expect(link).to_be_visible()
