"""Back by a token alone, in the middle of a hand, whatever broke meanwhile: the same seat, cards and clock."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from kit.client import Api, Json, Player, reachable
from kit.stack import Stack, kill, until
from kit.table import Table, open_room, table
from kit.tokens import Returning

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def _lasting(view: Json) -> Any:
    """The part of a view that being away for a moment does not change."""
    seats = {index: {**seat, "status": None} for index, seat in view["seats"].items()}
    me = {key: value for key, value in view["me"].items() if key != "rejoin_token"}
    turn = view["turn"]["number"], view["turn"]["seat_index"]
    return view["game"], seats, me, turn, view.get("host_controls"), view.get("pending_requests"), view["room"]


async def _exact(player: Player) -> None:
    """The view that they hold is what they would be given now."""
    async with Api(player.url) as api:
        while True:
            view = await api.ok("GET", f"/api/rooms/{player.room}/hydrate", player.who)
            await player.until(lambda seq=view["seq"]: player.seq >= seq, "as far as the room")  # type: ignore[misc]
            if player.seq == view["seq"]:
                break
    held = {**player.view, "me": {k: v for k, v in player.view["me"].items() if k != "rejoin_token"}}
    moving = {"seq": 0, "epoch": 0, "at": 0, "recent": [], "stale": False}
    assert {**held, **moving} == {**view, **moving}


async def _concerned(t: Table) -> list[Player]:
    """The player to act, one who only watches, and the host."""
    return list({id(each): each for each in (await t.next_to_act(), t.watchers[0], t.host)}.values())


async def _all_back(t: Table, gone: list[Player], url: str, *, refreshed: bool) -> None:
    """They go and come back at once, each with their last rejoin token alone, and find everything as it was."""
    views = [_lasting(each.view) for each in gone]
    for each, view, welcome in zip(gone, views, await _back(gone, url, refreshed=refreshed), strict=True):
        assert welcome["user_id"] == each.who.user
        assert welcome["role"] == each.view["me"]["role"] == ("spectator" if each in t.watchers else "player")
        assert welcome["is_host"] == (each is t.host)
        assert _lasting(each.view) == view, each.who.name
        await _exact(each)


async def _back(players: Iterable[Player], url: str, *, refreshed: bool = False) -> list[Json]:
    assert all(isinstance(each, Returning) for each in players)
    back = [each.back(url, refreshed=refreshed) for each in players if isinstance(each, Returning)]
    return list(await asyncio.gather(*back))


async def _plays_on(t: Table) -> None:
    await t.move()
    await t.play_to_the_end()
    await t.check()


async def _edge_is_back(stack: Stack, edge: int, dead: int) -> None:
    async def answers() -> bool:
        return stack.pid_of("edges", edge) != dead and await reachable(stack.urls[edge])

    await until(answers, "the edge is back")


@pytest.mark.parametrize("refreshed", [True, False], ids=["refreshed", "cut off"])
async def test_in_the_middle_of_ones_own_turn(stack: Stack, refreshed: bool) -> None:
    """The page is loaded again, or the network was gone: at the other edge."""
    async with table(stack, edges=(0, 1), kind=Returning) as t:
        for _ in range(2):
            await t.move()
        await _all_back(t, await _concerned(t), stack.urls[1], refreshed=refreshed)
        await _plays_on(t)


async def test_by_the_seat_token_alone(stack: Stack) -> None:
    async with table(stack, kind=Returning) as t:
        await t.move()
        player = await t.next_to_act()
        assert isinstance(player, Returning)
        view = _lasting(player.view)
        welcome = await player.back(stack.urls[1], refreshed=True, seat_token=player.given("seat_token"))
        assert welcome["seat_index"] == player.view["me"]["seat_index"]
        assert _lasting(player.view) == view
        await _plays_on(t)


@pytest.mark.parametrize("broken", ["edge", "actor", "redis"])
async def test_after_a_part_was_killed(stack: Stack, broken: str) -> None:
    async with table(stack, edges=(0, 1), kind=Returning) as t:
        for _ in range(2):
            await t.move()
        before = await t.owner()
        pids = {"edge": stack.pid_of("edges", 0), "redis": stack.pid_of("redis"), "actor": before.pid}
        gone = await _concerned(t)
        if broken == "edge":
            gone += [each for each in t.everybody if each.url == stack.urls[0] and each not in gone]
        kill(pids[broken])
        await _all_back(t, gone, stack.urls[1], refreshed=broken == "actor")
        if broken == "actor":
            assert (await t.owner()).epoch > before.epoch
        await _plays_on(t)
        if broken == "edge":
            await _edge_is_back(stack, 0, pids["edge"])


@pytest.mark.long
async def test_after_everything_was_killed(cold: Stack) -> None:
    async with table(cold, kind=Returning) as t:
        for _ in range(2):
            await t.move()
        player = await t.next_to_act()
        assert cold.kill_everything() >= 10
        views = {each.who.user: _lasting(each.view) for each in t.everybody}
        cold.start()
        await t.truth.connect()
        await _back(t.everybody, cold.urls[0])
        for each in t.everybody:
            assert _lasting(each.view) == views[each.who.user], each.who.name
            await _exact(each)
        assert await t.next_to_act() is player
        await _plays_on(t)


async def test_a_host_who_only_hosts(stack: Stack) -> None:
    """Neither seated nor watching: their part is the room, and those who ask to come in."""
    async with Api(stack.urls[0]) as api:
        ann, bob = await api.sign_in("Ann"), await api.sign_in("Bob")
        room = await open_room(api, ann, "tictactoe", "host")
        host = Returning(ann, room)
        await host.follow(stack.urls[0])
        await api.ok("POST", f"/api/rooms/{room}/join", bob, {"display_name": "Bob"})
        welcome = await host.back(stack.urls[1], refreshed=True)
        assert (welcome["role"], welcome["is_host"], "seat_index" in welcome) == ("approved", True, False)
        assert [asked["user_id"] for asked in host.view["pending_requests"]] == [bob.user]
        await host.command("approve", user_id=bob.user)
        await host.leave()


async def test_what_was_missed_comes_once(stack: Stack) -> None:
    """A client that comes back with a number is given what came after it, and what comes then, each once and in
    order."""
    async with table(stack, edges=(0, 1), kind=Returning) as t:
        watcher = t.watchers[0]
        assert isinstance(watcher, Returning)
        seq, hydrations = watcher.seq, watcher.hydrations
        await watcher.leave()
        said = [await t.players[n % 2].command("chat", text=f"number {n}") for n in range(20)]
        talking = asyncio.create_task(_talk(t.players[1], 20))
        await watcher.back(stack.urls[1])
        last = await talking
        await watcher.until(lambda: watcher.seq >= last, "all of it")
        assert said[-1]["seq"] > seq
        assert watcher.hydrations == hydrations
        assert watcher.faults == []
        assert watcher.numbers == list(range(watcher.numbers[0], watcher.seq + 1))
        texts = [event["text"] for event in watcher.events if event["kind"] == "chat"]
        assert texts == [f"number {n}" for n in range(20)] + [f"more {n}" for n in range(20)]
        await _exact(watcher)


async def _talk(player: Player, count: int) -> int:
    """The number of the last."""
    acks = [await player.command("chat", text=f"more {n}") for n in range(count)]
    return int(acks[-1]["seq"])
