"""A room is taken back while people are at it: its host by REST while its actor is killed, the operator by the command
line. Everybody is given the whole view, once; nothing is done twice; the log is replayed over it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from typing import Any

import pytest

from kit.client import Api
from kit.stack import Stack, until
from kit.table import BUY_IN, Table, table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def gone_back(t: Table, seq: int, to: int) -> None:
    """Everybody was told once by the update `seq`, and given a whole view behind it."""
    for each in t.everybody:
        await each.until(lambda each=each: each.hydrations == 2 and each.seq >= seq, "the whole view")  # type: ignore[misc]
        told = [event for event in each.events if event["kind"] == "rolled_back"]
        assert [event["to"] for event in told] == [to], each.who.name
        assert each.faults == [], each.who.name
        assert each.numbers == sorted(set(each.numbers)), each.who.name
        assert {seat["chips"] for seat in each.view["seats"].values()} == {BUY_IN}, each.who.name


@pytest.mark.parametrize("point", ["commit.before", "commit.after", "publish.after"])
async def test_the_actor_is_killed_in_the_middle_of_it(stack: Stack, point: str) -> None:
    async with table(stack, edges=(0, 1)) as t:
        await until(t.truth.spares, "a spare")
        dealt = t.host.seq
        await t.play_to_the_end()
        before = await t.owner()
        path, body = f"/api/game/{t.room}/restore", {"version": dealt, "reason": "a wrong deal"}
        async with Api(stack.urls[0]) as api, Api(stack.urls[1]) as other:
            listed = (await api.ok("GET", path, t.host.who))["versions"]
            assert dealt in [each["version"] for each in listed]
            stack.arm(point, before.pid)
            asked = asyncio.create_task(api.request("POST", path, t.host.who, body, id="back"))
            assert await stack.hit(point) == before.pid
            again = await other.request("POST", path, t.host.who, body, id="back")
            first = await asked
        assert first.status_code == 200, first.text
        assert first.json() == again.json() == {
            "success": True, "version": dealt, "seq": first.json()["seq"], "voided": 1
        }  # fmt: skip
        await gone_back(t, first.json()["seq"], dealt)
        assert (await t.owner()).pid != before.pid
        t.note(t.host, await t.host.command("chat", text="once more"))
        await t.check_log()
        await t.check_replay()


async def test_the_host_may_not_in_the_middle_of_a_hand(stack: Stack) -> None:
    async with table(stack) as t, Api(stack.urls[0]) as api:
        path = f"/api/game/{t.room}/restore"
        for who, code in ((t.host, "hand_in_progress"), (t.players[1], "not_host")):
            refused = await api.request("POST", path, who.who, {"version": 1})
            assert refused.json()["error"]["code"] == code
        refused = await api.request("POST", path, t.host.who, {"version": 9999})
        assert refused.json()["error"]["code"] == "room_not_found"


async def test_the_operator_takes_back_a_hand_that_is_played(stack: Stack) -> None:
    """The players' next moves are decided on what is true by then."""
    async with table(stack, edges=(0, 1)) as t:
        dealt = t.host.seq
        await t.move()
        done = await tavola(stack, "rollback", t.room, "--to", str(dealt - 1), "--yes", "--json")
        await gone_back(t, done["seq"], dealt - 1)
        assert t.to_act() is None
        t.note(t.host, await t.host.command("start"))
        await t.host.until(lambda: t.to_act() is not None, "the next hand")
        await t.move()
        await t.check_log()
        await t.check_replay()


async def tavola(stack: Stack, *words: str) -> Any:
    program = (sys.executable, "-m", "tavola", "room", *words)
    environment = {**os.environ, **stack.described["environment"]}
    process = await asyncio.create_subprocess_exec(*program, stdout=PIPE, env=environment)
    out, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(out)
