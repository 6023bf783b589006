"""Games from outside in the browser, with no page of their own: at the table that the page draws for any game; and the
traceback that stands over the page when such a game was saved and cannot be loaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from kit.browser import DESKTOP, TELEPHONE, Robot, person, robots_room
from kit.stack import Stack

GUEST = Path(__file__).parents[1] / "guest"
GAMES = "games.connect_four:ConnectFour,games.liars_dice:LiarsDice"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guests") / "project"
    shutil.copytree(GUEST, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def guests(project: Path) -> Iterator[Stack]:
    """A stack on which their authors are at work."""
    settings = {"TAVOLA_GAMES": GAMES, "TAVOLA_GAMES_PATH": str(project), "TAVOLA_GAMES_RELOAD": "true"}
    stack = Stack(project.parent / "data", edges=1, **settings)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.mark.parametrize("size", [DESKTOP, TELEPHONE], ids=["desktop", "telephone"])
@pytest.mark.parametrize(
    ("game", "options"),
    [("connect_four", {"turn_seconds": 300}), ("liars_dice", {"turn_seconds": 300, "dice": 1, "pause_seconds": 1})],
)
async def test_a_guests_game_is_played_to_its_end(
    browser: Browser, guests: Stack, game: str, options: dict[str, Any], size: tuple[int, int]
) -> None:
    url = guests.urls[0]
    async with robots_room(url, url, 1, game=game, **options) as room, person(browser, "Ann", size) as ann:
        await ann.open(room.url)
        await ann.page.locator("button[aria-label='Sit in seat 2']").click()
        await ann.mine.wait_for()
        while not _over(room.host):
            move = ann.page.locator(".generic-move button").first
            await move.wait_for()
            moves = len(room.host.saw("player_action"))
            await move.click()
            await _seen(room.host, moves)
        await expect(ann.page.locator(".table.generic")).to_be_visible()
        assert ann.troubles == []


async def _seen(robot: Robot, moves: int) -> None:
    await robot.until(lambda: _over(robot) or len(robot.saw("player_action")) > moves, "the move is seen")


def _over(robot: Robot) -> bool:
    return bool(robot.saw("game_complete"))


async def test_a_traceback_stands_over_the_page_until_it_is_mended(
    browser: Browser, guests: Stack, project: Path
) -> None:
    file = project / "games" / "connect_four" / "__init__.py"
    right = file.read_text()
    async with person(browser, "Ann") as ann:
        await ann.open(guests.urls[0])
        fault = ann.page.locator(".fault")
        await expect(fault).to_be_hidden()
        file.write_text(f"{right}\nnot_defined\n")
        await expect(fault).to_be_visible()
        await expect(fault).to_contain_text("NameError: name 'not_defined' is not defined")
        await expect(fault).to_contain_text(f'File "{file}", line {len(right.splitlines()) + 2}')
        file.write_text(right)
        await expect(fault).to_be_hidden()
        assert ann.troubles == []
