"""Operators act on servers that run: rooms move in the middle of a hand, actors and edges end, people are kept out,
and whoever plays loses nothing."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from test_refusals import closed, heard, raw

from kit.client import Api, Identity, Json
from kit.command import tavola
from kit.stack import ADMIN_SECRET, Stack, lives, until
from kit.table import table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ADMIN = Identity("operator:admin", "admin", ADMIN_SECRET)


async def does(api: Api, act: str, **given: Any) -> Json:
    planned = await api.ok("POST", "/api/admin/acts", ADMIN, {"act": act, **given})
    return await api.ok("POST", "/api/admin/acts", ADMIN, {"act": act, **given, "confirm": planned["confirm"]})


async def test_a_room_moves_in_the_middle_of_a_hand(stack: Stack) -> None:
    async with table(stack, edges=(0, 1)) as t, Api(stack.urls[0]) as api:
        await until(t.truth.spares, "a spare")
        await t.move()
        before = await t.owner()
        await does(api, "move", room=t.room)
        after = await t.owner()
        assert (after.actor, after.pid) != (before.actor, before.pid)
        assert lives(before.pid), "nobody was killed"
        await t.play_to_the_end()
        await t.check()


async def test_a_drained_actor_ends_and_its_hand_goes_on(stack: Stack) -> None:
    async with table(stack, edges=(0, 1)) as t, Api(stack.urls[1]) as api:
        await until(t.truth.spares, "a spare")
        await t.move()
        before = await t.owner()
        await does(api, "drain_actor", actor=before.actor)
        await t.truth.placed_after(t.room, before.epoch)
        await t.move()
        await until(lambda: not lives(before.pid), "the actor has ended")
        await t.play_to_the_end()
        await t.check()


async def test_a_drained_edge_ends_and_nobody_is_lost(stack: Stack) -> None:
    async with table(stack, edges=(0, 1)) as t, Api(stack.urls[0]) as api:
        [there] = await _edges_of(stack.urls[1])
        before = stack.pid_of("edges", 1)
        await does(api, "drain_edge", edge=there)
        await until(lambda: not lives(before), "the edge has ended")
        for each in t.everybody:
            if each.url == stack.urls[1]:
                assert each.closed in (None, 1012)
                await each.follow(stack.urls[0])
        await t.play_to_the_end()
        await t.check()
        await until(lambda: lives(stack.pid_of("edges", 1)), "it was started again")
        assert stack.pid_of("edges", 1) != before


async def test_whoever_is_banned_at_one_edge_is_out_at_the_other(stack: Stack) -> None:
    here, there = stack.urls[:2]
    async with Api(here) as api, Api(there) as other:
        ann, ben = await api.sign_in("Ann"), await api.sign_in("Ben")
        async with raw(there, ann) as out, raw(there, ben) as stays:
            said = await tavola(
                stack, "operator", "act", "ban", "--user", ann.user, "--reason", "spam", "--minutes", "60", "--yes",
                TAVOLA_OPERATOR_SECRET=ADMIN_SECRET,
            )  # fmt: skip
            assert said[0] == 0, said
            assert "Done, as act" in said[1]
            told = await heard(out)
            assert (told["type"], told["code"], told["details"]["reason"]) == ("error", "banned", "spam")
            assert await closed(out) == 4403
            assert (await other.request("GET", "/api/session", ann)).json()["error"]["code"] == "banned"
            await stays.send('{"type":"heartbeat"}')
            assert (await heard(stays))["type"] == "heartbeat_ack"


async def test_an_announcement_reaches_every_edge(stack: Stack) -> None:
    async with table(stack, edges=(0, 1)) as t, Api(stack.urls[0]) as api:
        await does(api, "announce_all", text="We restart at nine.")
        for each in t.everybody:
            await each.until(lambda each=each: any("at nine" in text for text in each.frames), "it is told")  # type: ignore[misc]
        await t.play_to_the_end()


async def _edges_of(url: str) -> list[str]:
    async with httpx.AsyncClient(trust_env=False) as client:
        headers = {"Authorization": f"Bearer {ADMIN_SECRET}"}
        told = (await client.get(f"{url}/api/admin/edges", headers=headers)).json()
    return [told["here"]["edge"]]
