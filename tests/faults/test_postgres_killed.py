"""Postgres goes away in the middle of a hand: commands are held, nothing is lost or done twice, clocks stand still."""

from __future__ import annotations

import signal
import time

import pytest

from kit.stack import Owner, Stack, end_postgres, frozen, until
from kit.table import table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
async def test_commands_are_held(stack: Stack, sign: signal.Signals) -> None:
    """A fast shutdown, and a crash."""
    async with table(stack, edges=(0, 1)) as t:
        await t.move()
        player, other, actor = await t.next_to_act(), t.host, await t.owner()
        with frozen(stack.pid):
            await end_postgres(stack, sign)
            move, said = player.send("act", **player.passive()), other.send("chat", text="Hello?")
            await _commit_fails(stack, actor)
            assert move.answers == said.answers == []
        for who, pending in ((player, move), (other, said)):
            t.note(who, await who.answer(pending))
        await t.truth.connect()
        await t.all_at(max(ack["seq"] for ack in t.acked))
        await t.play_to_the_end()
        await t.check()
        assert (await t.owner()).pid == actor.pid, "no actor need die of it"


async def test_clocks_stand_still(stack: Stack) -> None:
    """It is away for longer than a turn lasts: whose turn it was may still make their move."""
    async with table(stack, edges=(0, 1), turn_seconds=2) as t:
        ack = await t.move()
        player = await t.next_to_act()
        turn, actor = player.view["turn"], await t.owner()
        with frozen(stack.pid):
            await end_postgres(stack, signal.SIGKILL)
            await _commit_fails(stack, actor)
            await until(lambda: time.time_ns() // 1_000_000 > turn["deadline_ms"] + 1000, "the turn would be over")
        await t.truth.connect()
        await t.all_at(ack["seq"] + 1)
        again = player.view["turn"]
        assert (again["number"], again["seat_index"]) == (turn["number"], turn["seat_index"])
        assert again["deadline_ms"] > turn["deadline_ms"] + 1000
        t.note(player, await player.command("act", **player.passive()))
        [recovered, moved] = (await t.check_log())[ack["seq"] :][:2]
        assert recovered["command_id"].startswith("recover.")
        assert moved["user_id"] == player.who.user
        assert not any(event.get("automatic") for event in player.events)


async def _commit_fails(stack: Stack, actor: Owner) -> None:
    """The actor has tried to commit, in vain."""
    failed = ("commit.failed", "commit.unknown")
    await until(lambda: any(event in stack.said_by(actor.pid) for event in failed), "a commit failed")
