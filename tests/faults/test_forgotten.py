"""Somebody asks to be forgotten in the middle of a game, and the steward that is at it is killed: it is done all the
same, their sockets close, and the other at the table plays on against a pseudonym."""

from __future__ import annotations

import pytest

from kit.client import Api, Player
from kit.mentions import keys_with, tables_with
from kit.stack import Stack, kill, until
from kit.table import open_room

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

NAME, SAID = "Adalbert Zwieback", "a word of Adalbert that nobody keeps"


async def test_the_steward_is_killed_while_it_forgets_somebody(crowd: Stack) -> None:
    async with crowd.truth() as truth, Api(crowd.urls[0]) as api:
        ada, ben = await api.sign_in(NAME), await api.sign_in("Ben")
        room = await open_room(api, ben, "tictactoe")
        await api.ok("POST", f"/api/rooms/{room}/join", ada, {"display_name": NAME})
        for index, who in enumerate((ada, ben)):
            await api.ok("POST", f"/api/rooms/{room}/seat", who, {"seat_index": index})
        await api.ok("POST", f"/api/rooms/{room}/chat", ada, {"text": SAID})
        await api.ok("POST", f"/api/rooms/{room}/start", ben)
        gone, stays = Player(ada, room), Player(ben, room)
        try:
            await gone.follow(crowd.urls[1])
            await stays.follow(crowd.urls[1])
            async with crowd.truth() as held:
                # The steward comes as far as what Ada has said.
                await held.connection.execute("BEGIN")
                locked = "SELECT FROM log WHERE room_id = $1 AND user_id = $2 FOR UPDATE"
                assert await held.connection.execute(locked, room, ada.user) != "SELECT 0"
                asked = await api.ok("DELETE", "/api/session/data", ada, {"user_id": ada.user})
                await held.holds_back(1, "UPDATE log")
                steward = crowd.steward()
                kill(steward)
                assert "public.log" in await tables_with(truth.connection, ada.user)

            async def done() -> bool:
                return not await truth.rows("SELECT FROM erasures")

            await until(done, f"{ada.user} is forgotten")
            assert crowd.steward() != steward
            left = await tables_with(truth.connection, ada.user, NAME, SAID)
            left.pop("public.sign_outs", None)
            assert left == {}
            readable = await truth.value("SELECT string_agg(a::text, ' ') FROM actions a WHERE room_id = $1", room)
            assert [text for text in (ada.user, NAME, SAID) if text in readable] == []
            assert await keys_with(crowd.redis_url, ada.user, NAME) == []

            await gone.until(lambda: gone.closed is not None, "Ada's socket is closed")
            assert gone.closed == 4401
            pseudonym = asked["pseudonym"]
            await stays.until(lambda: stays.view["seats"]["0"]["user_id"] == pseudonym, "Ben sees the pseudonym")
            said = await stays.command("chat", text="play goes on")
            await stays.until(lambda: stays.seq >= said["seq"], "and plays on")
            assert stays.faults == []
        finally:
            for player in (gone, stays):
                await player.leave()
