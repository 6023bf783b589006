"""The programs in README and docs, run as they stand there against edges that run: each plays a game to its end."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser

from kit.browser import PATIENCE_MS
from kit.examples import ROOT, example
from kit.stack import PATIENCE_S, Stack

HERE = Path(__file__).parent
CLIENT_PAGE = "docs/howto/client.md"
CLIENT = ROOT / "edge" / "static" / "client" / "tavola.js"
NODE = shutil.which("node")
ADDRESS = "127.0.0.1:8000"
"""The address that the examples call the server's."""
WON = re.compile(r"Seat ([01]) has won, by \d,\d,\d\.")

needs_node = pytest.mark.skipif(NODE is None, reason="no node on this machine")


def test_two_players_in_python(stack: Stack, tmp_path: Path) -> None:
    program = tmp_path / "play.py"
    program.write_text(at(stack, example(CLIENT_PAGE, "import httpx")))
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    told = re.findall(r"^Seat (\d) sees: (seat [01] has won, by \[\d, \d, \d\])\.$", done.stdout, re.MULTILINE)
    assert sorted(seat for seat, _ in told) == ["0", "1"]
    assert len({what for _, what in told}) == 1


@needs_node
async def test_a_page_and_a_program_find_each_other_and_play(stack: Stack, browser: Browser, tmp_path: Path) -> None:
    page, program = example(CLIENT_PAGE, "/api/matchmake"), under_node(stack)
    told: asyncio.Queue[str] = asyncio.Queue()
    context = await browser.new_context(bypass_csp=True)
    try:
        tab = await context.new_page()
        # The browser's own words (that the edge has no icon for such a page) are none of the example's.
        tab.on("console", lambda message: told.put_nowait(message.text) if message.type == "log" else None)
        tab.on("pageerror", lambda error: told.put_nowait(str(error)))
        # A page of the edge's own, with the example for its content.
        await tab.goto(f"{stack.urls[0]}/healthz", timeout=PATIENCE_MS)
        await tab.set_content(page)
        async with running(tmp_path, program) as node, asyncio.timeout(PATIENCE_S):
            assert node.stdout is not None
            theirs = (await node.stdout.readline()).decode().strip()
            ours = await told.get()
        assert WON.fullmatch(ours), ours
        assert ours == theirs
    finally:
        await context.close()


@needs_node
def test_a_move_that_comes_too_late(stack: Stack, tmp_path: Path) -> None:
    """The example's function, in a hand of hold'em, called twice in one turn: the second comes when that is over."""
    (tmp_path / "example.mjs").write_text(
        example(CLIENT_PAGE, "stale_turn").replace("/static/tavola.js", "./tavola.mjs")
        + "\nlet room;\nexport function at(where) { room = where; }\nexport { raise };\n"
    )
    shutil.copy(CLIENT, tmp_path / "tavola.mjs")
    shutil.copy(HERE / "raise_twice.mjs", tmp_path)
    command = [str(NODE), "--experimental-websocket", "raise_twice.mjs", stack.urls[0]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout) == (0, "raised once, to 120\n"), done.stderr


def at(stack: Stack, text: str) -> str:
    """The example, with this stack's address for its own."""
    assert ADDRESS in text
    return text.replace(ADDRESS, stack.urls[0].removeprefix("http://"))


def under_node(stack: Stack) -> str:
    """The page's lines as the program that the page says they are: the client is made otherwise, and is a copy
    that lies beside it."""
    made = at(stack, example(CLIENT_PAGE, "new Tavola({ url").strip())
    program = example(CLIENT_PAGE, "/api/matchmake")
    for page, node in (
        ('<script type="module">\n', ""),
        ("</script>\n", ""),
        ("/static/tavola.js", "./tavola.mjs"),
        ("const client = new Tavola();", made),
        ("Ann", "Ben"),
    ):
        assert page in program
        program = program.replace(page, node)
    return program


@asynccontextmanager
async def running(folder: Path, program: str) -> AsyncIterator[Process]:
    (folder / "program.mjs").write_text(program)
    shutil.copy(CLIENT, folder / "tavola.mjs")
    node = await asyncio.create_subprocess_exec(
        str(NODE), "--experimental-websocket", "program.mjs", cwd=folder, stdout=PIPE
    )
    try:
        yield node
    finally:
        node.kill()
        await node.wait()
