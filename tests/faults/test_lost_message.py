"""Redis loses a message, repeats one, lies, stands still and dies: each client sees each number once, in order."""

from __future__ import annotations

import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from redis.asyncio import Redis

from kit.older_edge import older_edge
from kit.stack import Stack, frozen, kill, until
from kit.table import table
from tavola.actors.log.logged import update_of
from tavola.actors.wire.commands import RoomId
from tavola.actors.wire.update import MemberView, Update, encode
from tavola.config.keys import Purpose, Secrets
from tavola.storage.sealing import Sealer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PROMISED_S = 0.3
MARGIN = 5
"""For the worst of the repeats, on a machine that does other things too."""
REPEATS = 15
OURS = "test"


@asynccontextmanager
async def no_messages(stack: Stack) -> AsyncIterator[Redis]:
    """Nobody's `PUBLISH` is taken but the test's own; subscriptions and connections stay as they are."""
    async with Redis.from_url(stack.redis_url) as redis:
        ours = Redis.from_url(stack.redis_url, username=OURS)
        await _command(
            redis,
            "ACL",
            "SETUSER",
            OURS,
            "on",
            f">{urlsplit(stack.redis_url).password}",
            "allcommands",
            "allkeys",
            "allchannels",
        )
        await _command(redis, "ACL", "SETUSER", "default", "-publish")
        try:
            async with ours:
                yield ours
        finally:
            await _command(redis, "ACL", "SETUSER", "default", "+publish")


async def test_a_message_that_redis_loses_is_not_missed(stack: Stack) -> None:
    """An edge that hears by Redis alone hears nothing. Those of this release are told on their lines, and miss nothing.
    (How a message that is missed is found: `test_rooms_told`.)"""
    async with table(stack, edges=(0, 1)) as t, older_edge(t):
        here, there = t.watchers
        speaker = next(player for player in t.players if player.url == here.url)
        async with no_messages(stack) as redis:
            refused = await _refused(redis)
            for n in range(REPEATS):
                ack = await speaker.command("chat", text=f"number {n}")
                t.note(speaker, ack)
                await t.all_at(ack["seq"])
            assert await _refused(redis) - refused >= REPEATS
            late = [there.came_at[ack["seq"]] - here.came_at[ack["seq"]] for ack in t.acked[-REPEATS:]]
        usual = statistics.median(late)
        print(f"the other edge has it after {usual * 1000:.0f} ms, worst of {len(late)}: {max(late) * 1000:.0f} ms")
        assert usual < PROMISED_S
        assert max(late) < PROMISED_S * MARGIN
        await t.play_to_the_end()
        await t.check()


async def test_duplicate_old_and_out_of_order_messages(stack: Stack) -> None:
    async with table(stack, edges=(0, 1)) as t:
        await t.move()
        async with no_messages(stack) as redis:
            sealer = Sealer(Secrets(stack.secret.encode()).keys(Purpose.REDIS)[0])

            async def publish(message: bytes) -> None:
                assert await redis.publish(f"room:{t.room}", message) == 2, "both edges listen"

            async def publish_ours(update: Update) -> None:
                await publish(sealer.seal(f"room:{t.room}", encode(update), update.epoch, update.seq))

            seq = (await t.owner()).seq
            for forged in (seq, seq - 1, 1, 0):
                await publish_ours(_forged(t.room, forged))
            await publish_ours(_forged("r_another", seq + 1))
            await publish(encode(_forged(t.room, seq + 1)))
            await publish(b"FORGED")
            await publish(b"")

            said = [await t.players[0].command("chat", text="one"), await t.players[0].command("chat", text="two")]
            rows = await t.truth.rows("SELECT * FROM history WHERE room_id = $1 AND seq > $2 ORDER BY seq", t.room, seq)
            one, two = (update_of(RoomId(t.room), row) for row in rows)
            for update in (two, one, two, one):
                await publish_ours(update)
            await t.all_at(said[1]["seq"])
        assert not any("FORGED" in frame for each in t.everybody for frame in each.frames)
        await t.play_to_the_end()
        await t.check()


async def test_subscriptions_are_cut(stack: Stack) -> None:
    async with table(stack, edges=(0, 1)) as t, Redis.from_url(stack.redis_url) as redis:
        for _ in range(4):
            assert await _command(redis, "CLIENT", "KILL", "TYPE", "pubsub") >= 1
            await t.move()
        await t.play_to_the_end()
        await t.check()


async def test_redis_stands_still(stack: Stack) -> None:
    """Play goes on without it, and what it says afterwards is old."""
    async with table(stack, edges=(0, 1)) as t:
        with frozen(stack.pid_of("redis")):
            for _ in range(4):
                await t.move()
            await until(lambda: _away(stack) == [["redis"], ["redis"]], "both edges know that Redis is away")
            await t.move()
        await until(lambda: _away(stack) == [[], []], "Redis is back")
        await t.play_to_the_end()
        await t.check()


async def test_redis_is_killed(stack: Stack) -> None:
    async with table(stack, edges=(0, 1)) as t:
        dead = stack.pid_of("redis")
        kill(dead)
        for _ in range(4):
            await t.move()
        await until(lambda: stack.pid_of("redis") != dead, "Redis is started again")
        await until(lambda: _away(stack) == [[], []], "Redis is back")
        await t.play_to_the_end()
        await t.check()


async def _command(redis: Redis, *words: str) -> Any:
    return await redis.execute_command(*words)  # type: ignore[no-untyped-call]


def _away(stack: Stack) -> list[list[str]]:
    return [httpx.get(f"{url}/readyz", trust_env=False, timeout=10).json()["away"] for url in stack.urls]


async def _refused(redis: Redis) -> int:
    """How often a `PUBLISH` was refused."""
    stats = (await redis.info("commandstats")).get("cmdstat_publish", {})
    return int(stats.get("rejected_calls", 0))


def _forged(room: str, seq: int) -> Update:
    lie = b'[{"kind":"chat","text":"FORGED"}]'
    return Update(room, seq, 99, 0, lie, b'{"game":{"FORGED":true}}', MemberView(lie), {})  # type: ignore[arg-type]
