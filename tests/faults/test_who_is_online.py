"""The people of a room, asked at another edge than theirs: who came, who has gone, whose edge was killed, and with a
Redis that was emptied, or that is not there."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import pytest
from redis.asyncio import Redis

from kit.client import Api, Json, Player, reachable
from kit.stack import Stack, freeze, kill, lives, thaw, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class House:
    """A room with its host on the first edge, and somebody who sits there by way of the second."""

    def __init__(self, stack: Stack, apis: list[Api], host: Player, guest: Player) -> None:
        self.stack, self.apis, self.host, self.guest = stack, apis, host, guest

    async def online(self, edge: int) -> Json:
        return await self.apis[edge].ok("GET", f"/api/rooms/{self.host.room}/online", self.host.who)

    async def stats(self, edge: int) -> Json:
        return await self.apis[edge].ok("GET", "/api/stats", self.host.who)

    async def counts(self, edge: int, least: int) -> bool:
        told = await self.stats(edge)
        return bool(told["connections"] >= least and told["online_users"] >= least and not told["partial"])

    async def are(self, edge: int, *people: Player, alone: bool = False) -> float:
        """Wait until that edge says that it is these; for how long (s)."""
        began, wanted = time.monotonic(), {player.who.user for player in people}

        async def so() -> bool:
            told = await self.online(edge)
            return {each["user_id"] for each in told["people"]} == wanted and told["partial"] is alone

        await until(so, f"{[player.who.name for player in people]} are there, as edge {edge + 1} says")
        return time.monotonic() - began


@asynccontextmanager
async def house(stack: Stack) -> AsyncIterator[House]:
    async with AsyncExitStack() as ending:
        apis = [await ending.enter_async_context(Api(url)) for url in stack.urls]
        ann, bob = await apis[0].sign_in("Ann"), await apis[1].sign_in("Bob")
        wish = {"game": "tictactoe", "approval": "auto"}
        room: str = (await apis[0].ok("POST", "/api/rooms", ann, wish))["id"]
        host, guest = Player(ann, room), Player(bob, room)
        for player, api, url in zip((host, guest), apis, stack.urls, strict=True):
            await player.follow(url)
            ending.push_async_callback(player.leave)
            await api.ok("POST", f"/api/rooms/{room}/join", player.who, {"display_name": player.who.name})
            await api.ok("POST", f"/api/rooms/{room}/seat", player.who, {"seat_index": int(player is guest)})
        yield House(stack, apis, host, guest)


async def test_those_who_come_and_go_are_seen_at_the_other_edge(crowd: Stack) -> None:
    async with house(crowd) as it:
        for edge in (0, 1):
            await it.are(edge, it.host, it.guest)
            await until(partial(it.counts, edge, 2), "both are counted")
        await it.guest.leave()
        gone_s = await it.are(0, it.host)
        await it.guest.follow(crowd.urls[1])
        came_s = await it.are(0, it.host, it.guest)
        print(f"seen at the other edge: gone after {gone_s:.3f} s, there after {came_s:.3f} s")
        async with Redis.from_url(crowd.redis_url) as redis:
            assert await redis.exists(f"connections:{it.guest.who.user}") == 1
            await redis.flushall()
            assert not await redis.exists(f"connections:{it.guest.who.user}")
            for edge in (0, 1):
                print(f"there again in an emptied Redis after {await it.are(edge, it.host, it.guest):.3f} s")
            assert await redis.exists(f"connections:{it.guest.who.user}") == 1


async def test_the_people_of_a_killed_edge_are_gone(crowd: Stack) -> None:
    async with house(crowd) as it:
        await it.are(0, it.host, it.guest)
        pid = crowd.pid_of("edges", 1)
        kill(pid)
        print(f"gone with their edge after {await it.are(0, it.host):.3f} s")
        assert not lives(pid)

        async def swept() -> bool:
            async with Redis.from_url(crowd.redis_url) as redis:
                return not await redis.exists(f"connections:{it.guest.who.user}")

        await until(swept, "the entries of the dead edge are cleared away")
        await until(lambda: reachable(crowd.urls[1]), "the edge is started again")
        await it.guest.follow(crowd.urls[1])
        await it.are(0, it.host, it.guest)


async def test_with_redis_away_an_edge_answers_for_itself(crowd: Stack) -> None:
    async with house(crowd) as it:
        await it.are(0, it.host, it.guest)
        redis = crowd.pid_of("redis")
        freeze(redis)
        try:
            await it.are(0, it.host, alone=True)
            await it.are(1, it.guest, alone=True)
            told: dict[str, Any] = await it.stats(0)
            assert (told["partial"], told["online_users"] >= 1) == (True, True)
            # Play goes on, and so does coming and going.
            await it.guest.leave()
            await it.guest.follow(crowd.urls[0])
            await it.are(0, it.host, it.guest, alone=True)
        finally:
            thaw(redis)
        for edge in (0, 1):
            await it.are(edge, it.host, it.guest)
