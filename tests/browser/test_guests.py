"""Games from outside in the browser: with no page of their own, at the table that is drawn for any game, and with one;
and the traceback that stands over the page when such a game was saved and cannot be loaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, expect

from kit.browser import DESKTOP, Person, Robot, person, robots_room
from kit.examples import example
from kit.stack import Stack

GUEST = Path(__file__).parents[1] / "guest"
GAMES = "games.connect_four:ConnectFour,games.liars_dice:LiarsDice,nim.game:Nim"
SMALL = (360, 740)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guests") / "project"
    shutil.copytree(GUEST, folder, ignore=shutil.ignore_patterns("__pycache__"))
    rules = example("docs/tutorial-first-game.md", "class NimOptions")
    page = folder / "nim" / "page"
    page.mkdir(parents=True)
    (page.parent / "__init__.py").touch()
    named = 'kind, title = "nim", "Nim"'
    assert named in rules
    (page.parent / "game.py").write_text(rules.replace(named, f'{named}\n    page = "page"'))
    (page / "page.js").write_text(example("docs/howto/game-page.md", "register("))
    (page / "nim.css").write_text("p { font-size: 2rem; }")
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


@pytest.mark.parametrize("size", [DESKTOP, SMALL], ids=["desktop", "telephone"])
async def test_a_column_is_clicked_or_chosen_by_keys(browser: Browser, guests: Stack, size: tuple[int, int]) -> None:
    """Connect Four, of which the page knows nothing, to its end."""
    url = guests.urls[0]
    async with (
        robots_room(url, url, 1, game="connect_four", turn_seconds=300) as room,
        person(browser, "Ann", size) as ann,
    ):
        await ann.open(room.url)
        await ann.page.locator("button[aria-label='Sit in seat 2']").click()
        await ann.mine.wait_for()
        columns = ann.page.locator(".grid .line:enabled")
        await columns.first.wait_for()
        assert await ann.page.locator(".generic-move").count() == 0, "the board is enough"
        assert await ann.page.evaluate("document.documentElement.scrollWidth") <= size[0]
        box = await columns.first.bounding_box()
        assert box is not None
        assert box["width"] >= 36, "a thumb finds it"
        await columns.first.focus()
        await ann.page.keyboard.press("ArrowRight")
        await ann.page.keyboard.press("ArrowRight")
        await ann.page.keyboard.press("Enter")
        mine = ann.page.locator(".grid .cell", has=ann.page.locator(".disc.of-1"))
        await expect(mine).to_have_count(1)
        await expect(ann.page.locator(".grid .line").nth(2)).to_contain_text("Ann")
        await _play(ann, room.host, columns.first, made=1)
        assert ann.troubles == []


@pytest.mark.parametrize("size", [DESKTOP, SMALL], ids=["desktop", "telephone"])
async def test_numbers_have_sliders_and_names_are_in_words(
    browser: Browser, guests: Stack, size: tuple[int, int]
) -> None:
    """Liar's Dice, by keyboard alone once one sits."""
    url = guests.urls[0]
    options: dict[str, Any] = {"turn_seconds": 300, "dice": 2, "pause_seconds": 1}
    async with robots_room(url, url, 1, game="liars_dice", **options) as room, person(browser, "Ann", size) as ann:
        await ann.open(room.url)
        await ann.page.locator("button[aria-label='Sit in seat 2']").click()
        await ann.mine.wait_for()
        bid = ann.page.locator("form.generic-move", has_text="Bid")
        await bid.wait_for()
        assert await ann.page.evaluate("document.documentElement.scrollWidth") <= size[0]
        await expect(ann.page.locator(".private .tiles li")).to_have_count(2)
        await expect(ann.page.locator(".seat.me")).to_contain_text("dice left 2")
        face = bid.get_by_role("slider", name="Face")
        await face.focus()
        for _ in range(3):
            await ann.page.keyboard.press("ArrowRight")
        await expect(bid.get_by_role("spinbutton", name="Face")).to_have_value("4")
        await ann.page.keyboard.press("Enter")
        made = "Ann's bid"
        await room.host.until(lambda: _of_guest(room.host), made)
        [said] = _of_guest(room.host)
        assert said["face"] == 4
        await _play(ann, room.host, ann.page.locator(".generic-move button").last, made=1)
        assert ann.troubles == []


async def test_a_page_from_outside_draws_its_game(browser: Browser, guests: Stack) -> None:
    """The page of docs/howto/game-page.md, of the tutorial's game."""
    url = guests.urls[0]
    async with robots_room(url, url, 1, game="nim", stones=9, turn_seconds=300) as room, person(browser, "Ann") as ann:
        await ann.open(room.url)
        await expect(ann.page.get_by_text("0 stones are left.")).to_be_visible()
        assert await ann.page.locator(".table.generic").count() == 0
        assert await ann.page.evaluate("document.styleSheets.length") == 3, "the page's own is there before it draws"
        await ann.page.get_by_role("button", name="Sit down").click()
        take = ann.page.get_by_role("button", name="Take 3")
        await take.wait_for()
        await take.click()
        await room.host.until(lambda: _of_guest(room.host), "Ann's move")
        assert _of_guest(room.host)[0]["move"] == "take"
        assert ann.troubles == []


async def _play(guest: Person, robot: Robot, move: Locator, made: int) -> None:
    """Makes that move whenever it is the guest's turn (in seat 2), until the game is over."""

    def goes_on() -> bool:
        turn = robot.view.get("turn", {})  # There is none between two rounds.
        return _over(robot) or (len(_of_guest(robot)) >= made and turn.get("seat_index") == 1)

    while await robot.until(goes_on, "the guest's turn, or the end") and not _over(robot):
        await guest.act(move)
        made += 1


def _of_guest(robot: Robot) -> list[dict[str, Any]]:
    return [event for event in robot.saw("player_action") if event["seat_index"] == 1]


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
