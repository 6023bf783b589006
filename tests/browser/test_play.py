"""Hold'em in the browser: hands to their ends, a page loaded anew in mid-turn, a second window, who watches."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from kit.browser import CARD, Balancer, Person, Room, person, robots_room
from kit.stack import Stack, until

QUICK: dict[str, Any] = {"turn_seconds": 300, "next_hand_seconds": 1}


@pytest.fixture
async def table(stack: Stack, balancer: Balancer) -> AsyncIterator[Room]:
    """Three robots who play hand after hand as soon as it is their turn."""
    async with robots_room(stack.urls[0], balancer.url, 3, **QUICK) as room:
        yield room


def hands(room: Room) -> int:
    return len(room.host.saw("hand_complete"))


def dealt_to(room: Room) -> dict[int, set[str]]:
    """Hand → all hole cards that the robots were dealt, as they know themselves."""
    dealt: dict[int, set[str]] = {}
    for robot in room.robots:
        number = 0
        for event in robot.events:
            if event["kind"] == "hand_started":
                number = event["number"]
            if "hole_cards" in event and event["kind"] == "hole_cards_dealt":
                dealt.setdefault(number, set()).update(event["hole_cards"])
    return dealt


def updates_of(frames: list[str]) -> Iterator[dict[str, Any]]:
    for text in frames:
        frame = json.loads(text)
        if frame["type"] in ("update", "updates"):
            yield from frame.get("updates", [frame])


async def test_two_people_and_three_robots_play_hands_to_the_end(browser: Browser, table: Room) -> None:
    async with person(browser, "Ann") as ann, person(browser, "Ben") as ben:
        for seat, each in ((3, ann), (4, ben)):
            await each.open(table.url)
            await each.sit(seat)
        await until(lambda: len(table.players) == 5, "five at the table")
        before = hands(table)
        playing = [asyncio.create_task(each.play()) for each in (ann, ben)]
        try:
            await until(lambda: hands(table) >= before + 2, "two hands")
        finally:
            for task in playing:
                task.cancel()
            await asyncio.wait(playing)
        acted = {event["seat_index"] for event in table.host.saw("player_action")}
        assert acted == {0, 1, 2, 3, 4}
        for each in (ann, ben):
            await each.panel("hands")
            await expect(each.page.locator(".story")).to_contain_text("wins")
            await expect(each.page.locator(".story")).to_contain_text(re.compile(f"{each.name} (calls|checks)"))
            assert each.troubles == []


async def test_a_page_that_is_loaded_anew_in_the_middle_of_a_turn(browser: Browser, table: Room) -> None:
    async with person(browser, "Ann") as ann:
        await ann.open(table.url)
        await ann.sit(3)
        await ann.my_turn()
        cards, turn = await ann.cards(), await ann.turn()
        assert len(cards) == 2
        assert turn is not None
        await ann.page.reload()
        await ann.my_turn()
        assert (await ann.cards(), await ann.turn()) == (cards, turn)
        acted = len([event for event in table.host.saw("player_action") if event["seat_index"] == 3])
        await ann.stay_in()
        await until(
            lambda: len([e for e in table.host.saw("player_action") if e["seat_index"] == 3]) == acted + 1, "the move"
        )
        assert ann.troubles == []


async def test_a_second_window_shows_the_same_and_may_act(browser: Browser, table: Room) -> None:
    async with person(browser, "Ann") as ann:
        await ann.open(table.url)
        await ann.sit(3)
        other = Person("Ann", ann.context, await ann.context.new_page())
        await other.open(table.url)
        await ann.my_turn()
        await other.my_turn()
        assert await other.cards() == await ann.cards()
        turn = await ann.turn()
        assert await other.turn() == turn
        await other.stay_in()
        await ann.page.wait_for_function(
            "turn => document.querySelector('.seat.me.acts [data-deadline]')?.dataset.deadline !== turn", arg=turn
        )
        assert ann.troubles == other.troubles == []


def _judged(table: Room, eye: Person) -> int:
    """In how many of the watcher's updates cards were told while others were hidden, none of which is there."""
    dealt = dealt_to(table)
    hidden, judged = set[str](), 0
    for update in updates_of(eye.frames):
        for event in update["events"]:
            if event["kind"] == "hand_started":
                hidden = dealt.get(event["number"], set())
            if event["kind"] == "cards_shown":
                hidden = hidden - set(event["hole_cards"])
        found = set(CARD.findall(json.dumps(update)))
        assert not found & hidden, update
        judged += bool(hidden and found)
    return judged


async def test_who_watches_is_shown_no_hole_cards(browser: Browser, table: Room) -> None:
    """Neither in the page nor in any frame, through a whole hand, before they were shown to everybody."""
    async with person(browser, "Eye") as eye:
        await eye.open(table.url)
        await eye.page.locator(".felt").wait_for()
        await eye.page.locator(".seat .card.back").first.wait_for()
        before = hands(table)
        await until(lambda: hands(table) >= before + 2 and _judged(table, eye) > 5, "hands, and cards told in them")
        hidden_in_page = await eye.page.evaluate("document.querySelectorAll('[aria-label=\"Your cards\"]').length")
        assert hidden_in_page == 0
        assert eye.troubles == []
