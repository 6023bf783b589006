"""tavola.js by itself: the same checks under node and in Chromium, and a game between two clients under node."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Route

from kit.stack import Stack

HERE = Path(__file__).parent
CLIENT = HERE.parents[1] / "edge" / "static" / "client" / "tavola.js"
CHECKS = re.findall(r"^  async \"(.*)\"\(", (HERE / "client_checks.js").read_text(), re.MULTILINE)
NODE = shutil.which("node")

needs_node = pytest.mark.skipif(NODE is None, reason="no node on this machine")


def node(script: str, *arguments: str) -> Any:
    """The script's output, read as JSON."""
    command = [str(NODE), "--experimental-websocket", str(HERE / script), str(CLIENT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def judge(results: list[dict[str, str | None]]) -> None:
    assert [result["name"] for result in results] == CHECKS
    assert len(CHECKS) > 20
    assert {result["name"]: result["error"] for result in results if result["error"]} == {}


@needs_node
def test_the_client_under_node() -> None:
    judge(node("run_checks.mjs"))


async def test_the_client_in_a_browser(browser: Browser) -> None:
    """At an address of nobody's, with the product's policy in force."""
    from tavola.edge.rest.pages import POLICY

    files = {"/tavola.js": CLIENT.read_text(), "/client_checks.js": (HERE / "client_checks.js").read_text(), "/": ""}

    async def answer(route: Route) -> None:
        path = route.request.url.removeprefix("http://tavola.test")
        kind = "text/javascript" if path.endswith(".js") else "text/html"
        headers = {"Content-Type": kind, "Content-Security-Policy": POLICY}
        await route.fulfill(body=files[path], headers=headers)

    page = await browser.new_page()
    try:
        await page.route("**/*", answer)
        await page.goto("http://tavola.test/")
        judge(await page.evaluate("async () => (await import('/client_checks.js')).run(await import('/tavola.js'))"))
    finally:
        await page.close()


@needs_node
def test_two_clients_under_node_play_a_game_to_its_end(stack: Stack) -> None:
    told = node("play_under_node.mjs", stack.urls[0])
    assert told["boards"][0] == told["boards"][1]
    assert sorted(told["boards"][0], key=str) != [None] * 9
    assert told["lines"][0] == told["lines"][1] == [0, 4, 8] or len(told["lines"][0]) == 3
    assert told["seqs"][0] == told["seqs"][1] > 5
    assert told["refusals"][0] == "not_seated"
