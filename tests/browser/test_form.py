"""The form for a game's options, from a schema that no game here has: made as servers publish it, sent as they read."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from playwright.async_api import Browser, Route, expect

from tavola.edge.rest import pages

SCRIPT = """
import { h, render } from "/static/dom.js";
import { fields, filled } from "/static/form.js";

const schema = await (await fetch("/schema")).json();
const form = document.querySelector("form");
render(form, fields(schema, { rounds: 7 }, { prefix: "option-" }), h("button", null, "Go"));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  document.body.dataset.filled = JSON.stringify(filled(form, schema, { prefix: "option-" }));
});
"""


class Options(msgspec.Struct, forbid_unknown_fields=True):
    """A game of dice, say."""

    rounds: Annotated[int, msgspec.Meta(ge=1, le=9, title="Rounds")] = 3
    weight: Annotated[float, msgspec.Meta(ge=0.5, le=2, description="Of each die")] = 1.5
    wild: bool = True
    open_dice: Annotated[bool, msgspec.Meta(title="Open")] = False
    dice: Literal["six", "ten_sided"] = "ten_sided"
    faces: Literal[6, 10] = 10
    motto: Annotated[str, msgspec.Meta(max_length=12)] = "go"
    limit: Annotated[int, msgspec.Meta(ge=0, title="Limit")] | None = None
    house: Literal["ours", "theirs"] | None = None


async def test_a_form_for_options_never_seen_before(browser: Browser) -> None:
    files = {f"/static/{name}": file.plain.decode() for name, file in pages.load().items()}
    schema = msgspec.json.encode(msgspec.json.schema(Options)).decode()
    page_text = '<form></form><script type="module" src="/static/form_test.js"></script>'
    files |= {"/": page_text, "/static/form_test.js": SCRIPT, "/schema": schema}

    async def answer(route: Route) -> None:
        path = route.request.url.removeprefix("http://tavola.test")
        kind = "text/javascript" if path.endswith(".js") else "application/json" if path == "/schema" else "text/html"
        await route.fulfill(body=files[path], headers={"Content-Type": kind, "Content-Security-Policy": pages.POLICY})

    context = await browser.new_context()
    page = await context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda said: troubles.append(said.text))

    async def sent() -> dict[str, Any]:
        await page.get_by_role("button", name="Go").click()
        told: dict[str, Any] = await page.evaluate("JSON.parse(document.body.dataset.filled ?? 'null')")
        return told

    try:
        await page.route("**/*", answer)
        await page.goto("http://tavola.test/")
        await page.get_by_role("button", name="Go").wait_for()
        # As it stands it says what the game's own defaults are, but for what was filled in for us.
        assert msgspec.convert(await sent(), Options) == Options(rounds=7)

        await page.get_by_label("Rounds").fill("9")
        await page.get_by_label("weight").fill("0.75")
        await expect(page.locator("#option-weight-hint")).to_have_text("Of each die")
        await page.get_by_label("wild").uncheck()
        await page.get_by_label("Open").check()
        await page.get_by_label("dice", exact=True).select_option("six")
        await page.get_by_label("faces").select_option("6")
        await page.get_by_label("motto").fill("a motto that is too long")
        await page.get_by_label("Limit").fill("0")
        await page.get_by_label("house").select_option("theirs")
        told = msgspec.convert(await sent(), Options)
        cut = (await page.get_by_label("motto").input_value())[:12]
        assert told == Options(9, 0.75, False, True, "six", 6, cut, 0, "theirs")

        # The browser itself does not send what cannot be.
        await page.get_by_label("Rounds").fill("10")
        assert (await sent())["rounds"] == 9
        assert await page.locator("#option-rounds:invalid").count() == 1
        assert troubles == []
    finally:
        await context.close()
