"""A room is dated, as the lobby ranks it by what happened last: every five minutes, and not with every move."""

from __future__ import annotations

from kit.rooms import HOST, MINT
from kit.stories import accepted, room
from tavola.actors.room.rows import ACTIVE_MS, records
from tavola.actors.wire.commands import Chat


def test_the_first_decision_of_five_minutes_dates_the_room() -> None:
    live = room()
    part = live.now // ACTIVE_MS + 1
    live.now = part * ACTIVE_MS
    accepted(live, HOST, Chat, text="before")
    before, alarm, dated = live.room, None, []
    for number in range(10):
        live.now += ACTIVE_MS // 4
        decision = accepted(live, HOST, Chat, text=f"{number}")
        out, alarm = records(before, [(number + 1, decision)], alarm, MINT)
        before = decision.room
        dated += [row["active_at"] for row in out.rooms]
        if out.rooms:
            assert out.rooms[0]["active_at"] == live.now
    assert dated == [(part + 1) * ACTIVE_MS, (part + 2) * ACTIVE_MS]
