"""Every command by everybody whom it is not for, through both doors: refused with its code, and nothing changes."""

from __future__ import annotations

from typing import Any

import pytest

from kit.client import Api, Identity, Player
from kit.roles import FIELDS, OK, VERDICTS, WHO, Who
from kit.stack import Stack
from kit.table import open_room
from tavola.edge.rest.rooms_api import path_of, way_of

pytestmark = [pytest.mark.slow]


async def test_whoever_it_is_not_for_is_refused_through_both_doors(stack: Stack) -> None:
    async with Api(stack.urls[0]) as api, stack.truth() as truth:
        who: dict[Who, Identity] = {name: await api.sign_in(name) for name in WHO}
        room = await _with_everybody(api, who)
        users = {name: identity.user for name, identity in who.items()}
        before = await truth.value("SELECT seq FROM game_states WHERE room_id = $1", room)
        asked = 0
        for name in WHO:
            player = Player(who[name], room)
            await player.follow(stack.urls[0])
            for kind, verdicts in VERDICTS.items():
                if verdicts[name] == OK:
                    continue
                fields = {
                    key: users.get(value, value) if key == "user_id" else value
                    for key, value in FIELDS.get(kind, {}).items()
                }
                tag = kind.__struct_config__.tag
                by_socket = await player.first_answer(player.send(tag, **fields))
                by_rest = await api.request(way_of(kind).method, path_of(kind).format(room=room), who[name], fields)
                assert by_socket["type"] == "error", (tag, name, by_socket)
                assert (by_socket["code"], by_rest.json()["error"]["code"]) == (verdicts[name],) * 2, (tag, name)
                assert by_rest.status_code in range(400, 410)
                asked += 1
            await player.leave()
        assert asked == sum(verdict != OK for verdicts in VERDICTS.values() for verdict in verdicts.values()) > 100
        log = await truth.rows("SELECT user_id, command FROM actions WHERE room_id = $1 AND seq > $2", room, before)
        # Sockets came and went: that players were here and away is all that may have happened.
        assert {row["user_id"] for row in log} <= {""}, log


async def _with_everybody(api: Api, who: dict[Who, Identity]) -> str:
    host = who["host"]
    room = await open_room(api, host, approval="host")

    async def post(name: Who, path: str, body: Any = None) -> None:
        await api.ok("POST", f"/api/rooms/{room}/{path}", who[name], body)

    await post("host", "seat", {"seat_index": 0})
    for name in ("pending", "rejected", "banned", "approved", "spectator", "player"):
        await post(name, "join", {"display_name": name})
    for name in ("approved", "spectator", "player"):
        await post("host", "approve", {"user_id": who[name].user, "approved": True})  # type: ignore[index]
    await post("host", "kick", {"user_id": who["banned"].user, "ban": True})
    await post("spectator", "spectate")
    await post("player", "seat", {"seat_index": 1})
    await post("host", "reject", {"user_id": who["rejected"].user})
    return room
