"""The room's actor is stopped until another has taken over and moved on, then continued: what it does late is refused.

A lock of the test's on the log's table holds commits back: they have been sent to Postgres and have not begun. The
steward is stopped too, or it might bury the actor before it can do any harm.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from kit.client import Pending, Player
from kit.older_edge import older_edge
from kit.stack import Owner, Stack, freeze, frozen, thaw, until
from kit.table import HOLD_COMMITS, Table, table
from tavola.actors.wire.update import Update, decode

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_a_command_in_its_line(stack: Stack) -> None:
    """It reads the command when it is continued, and commits on top of what it remembers."""
    async with table(stack, edges=(0, 1)) as t:
        await t.move()
        before, player = await t.owner(), await t.next_to_act()
        await until(t.truth.spares, "a spare, for the steward starts none now")
        with frozen(stack.steward()):
            with frozen(before.pid):
                pending = player.send("act", **player.passive())
                await _another_goes_on(t, before, player, pending)
            await _fenced(t, before)
        assert await _epoch(t, pending) > before.epoch
        await _ends_well(t, pending)


async def test_a_commit_under_way(crowd: Stack) -> None:
    """Its commit had left when it was stopped, and begins after its successor has been placed."""
    await _stopped_in_a_commit(crowd, 2)


async def test_a_commit_that_the_pooler_has(stack: Stack) -> None:
    """It had left for the pooler, which gives it up, for there is one connection for both actors; it is told so late,
    and what it tries again is refused."""
    await _stopped_in_a_commit(stack, 1)


async def _stopped_in_a_commit(stack: Stack, held: int) -> None:
    """`held`: how many actors' commits Postgres has at once."""
    async with table(stack, edges=(0, 1)) as t:
        await t.move()
        before, player = await t.owner(), await t.next_to_act()
        await until(t.truth.spares, "a spare, for the steward starts none now")
        with frozen(stack.steward()):
            try:
                async with stack.truth() as lock, lock.connection.transaction():
                    await lock.connection.execute(HOLD_COMMITS)
                    pending = player.send("act", **player.passive())
                    assert len(await lock.holds_back(1)) == 1
                    freeze(before.pid)
                    await t.truth.placed_after(t.room, before.epoch)
                    assert len(await lock.holds_back(held)) == held
                    assert (await t.owner()).seq == before.seq
                    assert {each.seq for each in t.everybody} == {before.seq}, "what is not durable is not visible"
                    assert pending.answers == []
                await _another_goes_on(t, before, player, pending)
            finally:
                thaw(before.pid)
            await _fenced(t, before)
        assert await _epoch(t, pending) > before.epoch
        await _ends_well(t, pending)


async def test_a_commit_whose_news_are_late(stack: Stack) -> None:
    """Its commit was in time; it publishes and answers when its successor has long done so."""
    async with table(stack, edges=(0, 1)) as t:
        await t.move()
        before, player = await t.owner(), await t.next_to_act()
        await until(t.truth.spares, "a spare, for the steward starts none now")
        async with older_edge(t):
            pass  # It may be there for a minute yet, and so news are published.
        with frozen(stack.steward()):
            try:
                async with stack.truth() as lock, lock.connection.transaction():
                    await lock.connection.execute(HOLD_COMMITS)
                    pending = player.send("act", **player.passive())
                    await lock.holds_back(1)
                    freeze(before.pid)
                await _another_goes_on(t, before, player, pending)
                async with published(stack, t.room) as late:
                    thaw(before.pid)
                    assert (await late()).seq == pending.answers[0]["seq"]
            finally:
                thaw(before.pid)
        assert await _epoch(t, pending) == before.epoch
        await _ends_well(t, pending)


@asynccontextmanager
async def published(stack: Stack, room: str) -> AsyncIterator[Callable[[], Awaitable[Update]]]:
    """Gives the next of the room's updates that comes through Redis."""
    name = f"room:{room}"
    async with Redis.from_url(stack.redis_url) as redis, redis.pubsub() as channel:
        await channel.subscribe(name)

        async def following() -> Update:
            async def message() -> Any:
                return await channel.get_message(ignore_subscribe_messages=True, timeout=0.01)

            return decode(stack.opened(name, (await until(message, "something published"))["data"]))

        yield following


async def _another_goes_on(t: Table, before: Owner, player: Player, pending: Pending) -> None:
    """Another actor answers the command, and two more moves."""
    after = await t.truth.placed_after(t.room, before.epoch)
    assert after.pid != before.pid
    t.note(player, await player.answer(pending))
    await t.all_at(pending.answers[-1]["seq"])
    await t.move()
    await t.move()


async def _fenced(t: Table, before: Owner) -> None:
    """The actor that was stopped tried to commit, and found that it must not."""

    def said() -> bool:
        return any("room.fenced" in line and t.room in line for line in t.stack.said_by(before.pid).splitlines())

    await until(said, f"{before.pid} was fenced")


async def _epoch(t: Table, pending: Pending) -> int:
    """At which the command was committed, the one time that it was."""
    [row] = [row for row in await t.check_log() if row["command_id"] == pending.id]
    return int(row["epoch"])


async def _ends_well(t: Table, pending: Pending) -> None:
    await t.play_to_the_end()
    await t.check()
    assert len(pending.answers) == 1
