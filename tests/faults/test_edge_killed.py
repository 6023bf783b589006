"""An edge is killed: its clients go on at the other, and what they had asked for happens once."""

from __future__ import annotations

import asyncio

import pytest

from kit.client import Json, Player, reachable
from kit.stack import Stack, kill, until
from kit.table import HOLD_COMMITS, Table, table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_with_a_command_under_way(stack: Stack) -> None:
    """The edge dies between the command and its answer; the actor lives."""
    async with table(stack, edges=(0, 1)) as t:
        await t.move()
        player = await t.next_to_act()
        here = stack.urls.index(player.url)
        async with stack.truth() as lock, lock.connection.transaction():
            await lock.connection.execute(HOLD_COMMITS)
            pending = player.send("act", **player.passive())
            await lock.holds_back(1)
            dead = stack.pid_of("edges", here)
            kill(dead)
            there = stack.urls[1 - here]
            await _move_over(t, stack.urls[here], there)
            player.again(pending)
        ack = await player.answer(pending)
        t.note(player, ack)
        await t.all_at(ack["seq"])
        assert len(pending.answers) == 1
        await t.play_to_the_end()
        await t.check()
        await _is_back(stack, here, dead)


async def test_while_others_play_on(stack: Stack) -> None:
    """Clients of the dead edge come back late, to a table that has moved on, and miss nothing."""
    async with table(stack, seats=4, edges=(0, 1)) as t:
        await t.move()
        dead, was, there = stack.pid_of("edges", 0), *stack.urls
        kill(dead)
        gone = [p for p in t.everybody if p.url == was]
        for each in gone:
            await each.until(lambda each=each: each.closed, "cut off")  # type: ignore[misc]
        here = [p for p in t.players if p.url == there]
        said = [await here[n % 2].command("chat", text=f"number {n}") for n in range(20)]
        await here[0].until(lambda: here[0].seq >= said[-1]["seq"], "the others' talk")
        await _move_over(t, was, there)
        assert all(event["text"] == f"number {n}" for n, event in enumerate(_chats(gone[0])))
        assert len(_chats(gone[0])) == 20
        await t.play_to_the_end()
        await t.check()
        await _is_back(stack, 0, dead)


async def _move_over(t: Table, dead: str, there: str) -> None:
    """Everybody who was at `dead` connects to `there`, from the last number seen on."""
    await asyncio.gather(*(each.follow(there) for each in t.everybody if each.url == dead))


async def _is_back(stack: Stack, edge: int, dead: int) -> None:
    """The supervisor has started the edge again, so that the next test finds it."""

    async def answers() -> bool:
        return stack.pid_of("edges", edge) != dead and await reachable(stack.urls[edge])

    await until(answers, "the edge is back")


def _chats(player: Player) -> list[Json]:
    return [event for event in player.events if event["kind"] == "chat"]
