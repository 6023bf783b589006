"""An operator's commands: `tavola rooms`, `room`, `doctor`, on a stack that runs and with the data folder alone."""

from __future__ import annotations

import json

import pytest

from kit.command import said, tavola
from kit.stack import Stack
from kit.table import table

pytestmark = [pytest.mark.slow]


async def test_a_room_is_listed_shown_verified_and_evicted(stack: Stack) -> None:
    async with table(stack) as t:
        await t.move()
        owner = await t.owner()
        listed = {room["id"]: room for room in await said(stack, "rooms")}
        assert set(listed[t.room]) == {
            *("id", "code", "game", "status", "seq", "members", "actor", "node", "pid", "epoch")
        }
        assert listed[t.room]["pid"] == owner.pid
        assert listed[t.room]["epoch"] == owner.epoch
        shown = await said(stack, "room", listed[t.room]["code"])
        assert set(shown["seats"].values()) == {player.who.user for player in t.players}
        assert shown["state_bytes"] < 1024
        code, log = await tavola(stack, "room", "log", t.room, "--json")
        assert code == 0
        assert [json.loads(line)["seq"] for line in log.splitlines()] == list(range(1, owner.seq + 1))
        assert (await said(stack, "room", "verify", t.room))["problem"] is None
        code, printed = await tavola(stack, "room", "evict", t.room)
        assert (code, "dropped" in printed) == (0, True), printed
        await t.move()
        await t.play_to_the_end()
        assert (await said(stack, "room", "verify", t.room))["problem"] is None


async def test_a_log_that_was_tampered_with_is_found(stack: Stack) -> None:
    async with table(stack) as t:
        ack = await t.move()
        tampered = "UPDATE actions SET events = replace(events, 'player_action', 'player_magic') WHERE room_id = $1"
        await t.truth.connection.execute(tampered, t.room)
        code, printed = await tavola(stack, "room", "verify", t.room)
        assert code == 1
        assert f"at {ack['seq']} " in printed
        mended = "UPDATE actions SET events = replace(events, 'player_magic', 'player_action') WHERE room_id = $1"
        await t.truth.connection.execute(mended, t.room)


async def test_what_is_not_there_is_said_in_a_line(stack: Stack) -> None:
    code, printed = await tavola(stack, "room", "r_nowhere")
    assert code == 1
    assert printed.strip() == "tavola: there is no room 'r_nowhere'"


async def test_the_doctor_finds_it_fit(stack: Stack) -> None:
    code, printed = await tavola(stack, "doctor")
    assert code == 0, printed
