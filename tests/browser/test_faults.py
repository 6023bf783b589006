"""Servers and networks break while a page stands open: it goes on without being loaded anew, and says what it waits
for."""

from __future__ import annotations

import contextlib
import signal
from typing import Any

import httpx
import psutil
import pytest
from playwright.async_api import Browser, expect

from kit.browser import Balancer, Person, Room, person, robots_room
from kit.stack import Stack, frozen, kill, lives, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

QUICK: dict[str, Any] = {"turn_seconds": 300, "next_hand_seconds": 1}


async def moves_on(ann: Person, room: Room) -> None:
    """Ann makes a move, and the robots see it."""
    before = sum(event["seat_index"] == 3 for event in room.host.saw("player_action"))
    await ann.stay_in()
    await until(lambda: sum(e["seat_index"] == 3 for e in room.host.saw("player_action")) > before, "the move")


async def loaded(ann: Person) -> float:
    """When the page was loaded: another moment would be another load."""
    return float(await ann.page.evaluate("performance.timeOrigin"))


async def test_the_network_goes_and_comes_back(browser: Browser, stack: Stack, balancer: Balancer) -> None:
    async with robots_room(stack.urls[0], balancer.url, 3, **QUICK) as room, person(browser, "Ann") as ann:
        await ann.open(room.url)
        await ann.sit(3)
        await ann.my_turn()
        since = await loaded(ann)
        await balancer.go_away()
        await expect(ann.banner).to_contain_text("Reconnecting")
        # An action made meanwhile is not lost: it goes out when there is somebody to hear it, once.
        acted = sum(event["seat_index"] == 3 for event in room.host.saw("player_action"))
        await ann.page.locator(".moves .check, .moves .call").first.click()
        await until(lambda: balancer.turned_away > 1, "attempts to come back")
        balancer.away = False
        await until(lambda: sum(e["seat_index"] == 3 for e in room.host.saw("player_action")) > acted, "the move")
        await expect(ann.banner).to_be_hidden()
        await moves_on(ann, room)
        assert await loaded(ann) == since
        assert ann.own_troubles == []


async def test_the_banner_tells_that_nothing_can_be_saved(browser: Browser, stack: Stack, balancer: Balancer) -> None:
    """Postgres is away: a move waits, a page that comes back sees how things stood; then all of it goes on."""
    async with robots_room(stack.urls[0], balancer.url, 3, **QUICK) as room, person(browser, "Ann") as ann:
        await ann.open(room.url)
        await ann.sit(3)
        await ann.my_turn()
        since = await loaded(ann)
        acted = sum(event["seat_index"] == 3 for event in room.host.saw("player_action"))
        with frozen(stack.pid):
            postmaster = psutil.Process(stack.pid_of("postgres"))
            ended = [postmaster, *postmaster.children()]
            postmaster.send_signal(signal.SIGINT)
            await until(lambda: not any(lives(each.pid) for each in ended), "Postgres has ended")
            await balancer.cut()
            await expect(ann.banner).to_contain_text("cannot save just now")
            await ann.page.locator(".moves .check, .moves .call").first.click()
            await expect(ann.banner).to_contain_text("sent again until it is done")
        await until(lambda: sum(e["seat_index"] == 3 for e in room.host.saw("player_action")) > acted, "the move")
        await expect(ann.banner).to_be_hidden()
        await moves_on(ann, room)
        turns = [event for event in room.host.saw("player_action") if event["seat_index"] == 3]
        assert len(turns) == acted + 2, "each move was made once"
        assert await loaded(ann) == since
        assert ann.own_troubles == []


async def test_actor_edge_and_redis_die_while_the_page_stands_open(
    browser: Browser, stack: Stack, balancer: Balancer
) -> None:
    """The robots are at the second edge, so that the first, where Ann is, can be killed alone."""
    async with (
        robots_room(stack.urls[1], balancer.url, 3, **QUICK) as room,
        person(browser, "Ann") as ann,
        stack.truth() as truth,
    ):
        await ann.open(room.url)
        await ann.sit(3)
        await moves_on(ann, room)
        since = await loaded(ann)

        await ann.my_turn()
        owner = await truth.owner(room.id)
        kill(owner.pid)
        await moves_on(ann, room)
        assert (await truth.owner(room.id)).epoch > owner.epoch

        await ann.my_turn()
        pid, came = stack.pid_of("edges"), len(balancer.served)
        kill(pid)
        await moves_on(ann, room)
        ports = [int(url.rpartition(":")[2]) for url in stack.urls]
        assert balancer.served[came] in ports
        assert len(balancer.served) > came

        await ann.my_turn()
        kill(stack.pid_of("redis"))
        await moves_on(ann, room)
        await moves_on(ann, room)

        assert await loaded(ann) == since
        assert ann.own_troubles == []
        await expect(ann.banner).to_be_hidden()
    async with httpx.AsyncClient() as http:

        async def whole() -> bool:
            with contextlib.suppress(httpx.HTTPError):
                return all([(await http.get(f"{url}/readyz")).is_success for url in stack.urls])
            return False

        await until(whole, "the edge that was killed, for the tests after this one")
