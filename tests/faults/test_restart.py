"""Everything but what Postgres has on disk is killed; started again, the hand goes on where it was."""

from __future__ import annotations

import pytest

from kit.client import Api, Json
from kit.stack import Stack
from kit.table import HOLD_COMMITS, table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


async def test_the_hand_goes_on(cold: Stack) -> None:
    async with table(cold) as t:
        for _ in range(4):
            await t.move()
        before, cards, views = await t.owner(), [p.cards for p in t.players], [p.view for p in t.everybody]
        player = await t.next_to_act()
        async with cold.truth() as lock:
            await lock.connection.execute(f"BEGIN; {HOLD_COMMITS}")
            pending = player.send("act", **player.passive())
            await lock.holds_back(1)
            assert cold.kill_everything() >= 10
        assert cold.processes() == []

        cold.start()
        await t.truth.connect()
        assert (await t.owner()).seq == before.seq
        for each in t.everybody:
            await each.follow(cold.urls[0])
        async with Api(cold.urls[0]) as api:
            for each, was in zip(t.everybody, views, strict=True):
                view = await api.ok("GET", f"/api/rooms/{t.room}/hydrate", each.who)
                was["me"].pop("rejoin_token")
                assert {**view, **CHANGING} == {**was, **CHANGING}
        assert [p.cards for p in t.players] == cards

        await t.all_at(before.seq + 1)
        [*_, last, recovered] = await t.check_log()
        was, now = views[0]["turn"], t.host.view["turn"]
        assert recovered["epoch"] > last["epoch"]
        assert (now["number"], now["seat_index"]) == (was["number"], was["seat_index"])
        assert now["deadline_ms"] - recovered["at"] >= was["deadline_ms"] - last["at"]

        player.again(pending)
        t.note(player, await player.answer(pending))
        await t.all_at(before.seq + 2)
        await t.play_to_the_end()
        await t.check()


CHANGING: Json = {"seq": 0, "epoch": 0, "at": 0, "turn": None, "recent": []}
"""The parts of a view that being away changes: the time that a player gets back is an update."""
