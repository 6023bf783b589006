"""The room's actor is killed in the middle of a hand: every action took effect once, and the hand goes on."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from kit.client import Api, Player
from kit.older_edge import older_edge
from kit.stack import Stack, kill, until
from kit.table import Table, table
from tavola.actors.wire import update as codec

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

POINTS = ("commit.before", "commit.after", "publish.after")


@pytest.mark.parametrize("point", POINTS)
async def test_killed_around_the_commit(stack: Stack, point: str) -> None:
    """The clients do not know whether it happened; they send again, elsewhere, under the same id."""
    async with table(stack, edges=(0, 1)) as t:
        await until(t.truth.spares, "a spare")
        began, successor = await _killed_at(t, point)
        assert await t.truth.started(successor) < began
        await t.play_to_the_end()
        await t.check()


@pytest.mark.parametrize("point", POINTS)
async def test_killed_around_the_commit_without_a_spare(cold: Stack, point: str) -> None:
    async with table(cold) as t:
        began, successor = await _killed_at(t, point)
        assert await t.truth.started(successor) > began
        await t.play_to_the_end()
        await t.check()


async def _killed_at(t: Table, point: str) -> tuple[datetime, int]:
    """The actor dies at `point` of a move's commit, and the move is asked for twice more. Gives when that began, and
    the pid of the actor that went on."""
    for _ in range(4):
        await t.move()
    before, cards, seats = await t.owner(), [p.cards for p in t.players], _seated(t.host)
    player = await t.next_to_act()
    move = player.passive()

    began, name = await t.truth.now(), f"room:{t.room}"
    async with older_edge(t), Redis.from_url(t.stack.redis_url) as redis, redis.pubsub() as channel:
        await channel.subscribe(name)
        assert (await _next(channel))["type"] == "subscribe"
        t.stack.arm(point, before.pid)
        pending = player.send("act", **move)
        assert await t.stack.hit(point) == before.pid

        player.again(pending)
        async with Api(t.stack.urls[-1]) as api:
            reply = await api.request("POST", f"/api/rooms/{t.room}/actions", player.who, move, id=pending.id)
        first, second = await player.answer(pending, 1), await player.answer(pending, 2)
        assert first == second
        assert reply.json() == {"success": True, "seq": first["seq"]}
        t.note(player, first)
        await t.all_at(first["seq"])
        await t.move()
        published = codec.decode(t.stack.opened(name, (await _next(channel))["data"]))
    assert (published.epoch == before.epoch) == (point == "publish.after"), "what the dead had published, and no more"

    after = await t.owner()
    assert after.pid != before.pid
    assert after.epoch > before.epoch
    assert [p.cards for p in t.players] == cards
    assert _seated(t.host) == seats
    [row] = [row for row in await t.check_log() if row["command_id"] == pending.id]
    assert (row["epoch"] > before.epoch) == (point == "commit.before")
    return began, after.pid


async def _next(channel: PubSub) -> dict[str, Any]:
    """The next message of a channel that something is published on."""
    message: dict[str, Any] = await until(lambda: channel.get_message(timeout=1.0), "a message")
    return message


async def test_killed_at_rest(stack: Stack) -> None:
    """Three times in one hand, between moves."""
    async with table(stack, edges=(0, 1)) as t:
        for _ in range(3):
            await t.move()
            before = await t.owner()
            kill(before.pid)
            ack = await t.move()
            after = await t.owner()
            assert (after.pid != before.pid, after.epoch > before.epoch) == (True, True)
            assert ack["seq"] <= after.seq
        await t.play_to_the_end()
        await t.check()


async def test_killed_with_the_spare(stack: Stack) -> None:
    """The actor and every spare at once: one that is dead is not settled for."""
    async with table(stack, edges=(0, 1)) as t:
        await t.move()
        before, spares = await t.owner(), await until(t.truth.spares, "a spare")
        for pid in (*spares, before.pid):
            kill(pid)
        await t.move()
        assert (await t.owner()).pid != before.pid
        await t.play_to_the_end()
        await t.check()


async def test_a_turn_runs_out_all_the_same(stack: Stack) -> None:
    """The actor dies and nobody says a word. At one table somebody watches, and its edge sees to it; at the other
    nobody does, and the steward does."""
    brief: dict[str, Any] = {"turn_seconds": 6, "start": False}
    async with table(stack, **brief) as watched, table(stack, **brief) as alone:
        for t in (watched, alone):
            t.note(t.host, await t.host.command("start"))
            player = await t.next_to_act()
            t.note(player, await player.command("act", **player.passive()))
        for player in alone.everybody:
            await player.leave()
        await until(lambda: _all_away(alone), "that they have left is known")
        await asyncio.gather(_runs_out(watched), _runs_out(alone))

        for player in alone.everybody:
            await player.follow(stack.urls[0])
        for t in (watched, alone):
            await t.all_at((await t.owner()).seq)
            t.check_numbers()
            t.check_cards()
            await t.check_replay()


async def _all_away(t: Table) -> bool:
    here = "SELECT count(*) FROM room_seats WHERE room_id = $1 AND away_since IS NULL"
    return not await t.truth.value(here, t.room)


async def _runs_out(t: Table) -> None:
    """The actor is killed; the turn that was running is played by the runtime, once, and not before its time."""
    before = await t.owner()
    [turn] = [p.view["turn"] for p in t.players if p.to_act()]
    kill(before.pid)

    async def since() -> list[Any]:
        rows = await t.truth.rows(
            "SELECT * FROM actions WHERE room_id = $1 AND seq > $2 ORDER BY seq", t.room, before.seq
        )
        return rows if any(row["command_id"].startswith("wake.") for row in rows) else []

    found = await until(since, "the turn runs out")
    # The runtime marks those without a socket meanwhile; that is no part of this.
    rows = [row for row in found if not row["command_id"].startswith("attendance.")]
    assert (await t.owner()).pid != before.pid
    kinds = [row["command_id"].partition(".")[0] for row in rows]
    assert kinds[: kinds.index("wake") + 1] == ["recover", "wake"]
    [events] = [json.loads(row["events"]) for row in rows[1:2]]
    assert events[0] | {"amount": 0, "chips": 0, "pot": 0} == {
        **{"kind": "player_action", "seat_index": turn["seat_index"], "automatic": True},
        **{"move": events[0]["move"], "amount": 0, "chips": 0, "pot": 0},
    }
    assert rows[1]["at"] >= turn["deadline_ms"]
    [begun] = [event for event in events if event["kind"] == "turn_started"]
    assert begun["number"] == turn["number"] + 1


def _seated(player: Player) -> dict[str, str]:
    return {index: seat["user_id"] for index, seat in player.view["seats"].items()}
