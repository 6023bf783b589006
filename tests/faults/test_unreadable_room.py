"""A room's stored state is changed by hand while it is played: everybody is told, at both doors; nobody owns it, and
nobody tries again and again; an operator puts it right, and the same hand goes on."""

from __future__ import annotations

import pytest

from kit.client import Api
from kit.command import said, tavola
from kit.stack import Stack
from kit.table import table

pytestmark = [pytest.mark.slow]


async def test_a_state_changed_by_hand_stops_the_room_until_it_is_repaired(stack: Stack) -> None:
    async with table(stack) as t, Api(stack.urls[0]) as api:
        await t.move()
        before = await t.owner()
        changed = "UPDATE game_states SET state = state || ' ' WHERE room_id = $1"
        await t.truth.connection.execute(changed, t.room)
        player = await t.next_to_act()
        refused = await player.answer(player.send("act", **player.passive()))
        assert (refused["type"], refused["code"]) == ("error", "corrupted_state"), refused
        assert "by hand" in refused["details"]["found"]

        stranger = await api.sign_in("Stranger")
        epochs = set()
        for who in (stranger, t.host.who, stranger, t.host.who):
            reply = await api.request("GET", f"/api/rooms/{t.room}/hydrate", who)
            assert (reply.status_code, reply.json()["error"]["code"]) == (422, "corrupted_state"), reply.text
            epochs.add(await t.truth.value("SELECT epoch FROM game_states WHERE room_id = $1", t.room))
        assert len(epochs) == 1, "it is placed for none of them"
        assert await t.truth.value("SELECT actor FROM rooms WHERE id = $1", t.room) is None

        told = await said(stack, "rooms")
        assert t.room in {room["id"] for room in told}
        code, printed = await tavola(stack, "room", "show", t.room)
        assert (code, "by hand" in printed, "repair" in printed) == (1, True, True), printed
        code, printed = await tavola(stack, "room", "repair", t.room, "--yes")
        assert code == 0, printed
        assert not (await t.truth.value("SELECT state FROM game_states WHERE room_id = $1", t.room)).endswith(" ")
        assert await t.truth.value("SELECT count(*) FROM repairs WHERE room_id = $1", t.room) == 1
        await t.move()
        after = await t.owner()
        assert after.seq > before.seq
        assert after.epoch > before.epoch
        await t.play_to_the_end()
        await t.check_replay()
