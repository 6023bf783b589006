"""Seats that another server reserves for named users, at every door of an edge, on a real Postgres and Redis."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from test_erasure import erasure, unpacked
from test_removal import sql

from kit.backends import backend
from kit.doors import Doors, Json, doors
from kit.mentions import tables_with
from tavola.actors.host.rebuild import way_to
from tavola.actors.room.codec import room_of
from tavola.actors.wire.commands import RoomId
from tavola.repair import put_back
from tavola.rooms import verify

MATCH = {"game": "tictactoe", "approval": "auto"}
MINE = {"visibility": "private", "approval": "host", "game": "tictactoe", "reserved": {"u_ann": 0, "u_bob": 1}}


async def listed(d: Doors, **asked: str) -> dict[str, Json]:
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    return {room["id"]: room for room in (await d.ok("GET", f"/api/rooms?{query}"))["rooms"]}


async def mine(d: Doors, who: Any) -> list[Json]:
    rooms: list[Json] = (await d.ok("GET", "/api/me/rooms", who))["rooms"]
    return rooms


async def test_only_another_server_reserves(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as d:
        ann = d.person("Ann")
        status, answer = await d.ask("POST", "/api/rooms", ann, {**MATCH, "reserved": {"u_ann": 0}})
        assert (status, answer["error"]["code"]) == (403, "forbidden")
        assert "reserve" in answer["error"]["message"]
        await d.opened(ann, reserved={})
        manager, actor, reader = [
            await backend(d, scope, name=name) for scope, name in (("manage", "m"), ("act", "a"), ("read", "r"))
        ]
        own = await manager.ok("POST", "/api/rooms", MINE)
        assert (own["host_id"], own["reserved"]) == ("service:m", [0, 1])
        hers = await actor.ok("POST", "/api/rooms", MINE, user="u_ann")
        assert (hers["host_id"], hers["reserved"]) == ("u_ann", [0, 1])
        assert await reader.refused("POST", "/api/rooms", MINE) == "forbidden"
        for wrong in ({"u_ann": 2}, {"u_ann": 0, "u_bob": 0}, {"service:m": 0}):
            assert await manager.refused("POST", "/api/rooms", {**MINE, "reserved": wrong}) == "invalid_options"
        for malformed in ({"": 0}, {"x" * 65: 0}, {"u_ann": -1}, {"u_ann": "0"}):
            assert await manager.refused("POST", "/api/rooms", {**MINE, "reserved": malformed}) == "invalid_message"


async def test_the_named_come_in_and_nobody_else(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as d:
        shop = await backend(d, "manage")
        ann, bob, eve = (d.person(name) for name in ("Ann", "Bob", "Eve"))
        room = (await shop.ok("POST", "/api/rooms", MINE))["id"]
        path = f"/api/rooms/{room}"
        [part] = await mine(d, ann)
        assert (part["room"]["id"], part["standing"], part["role"]) == (room, "invited", "guest")
        assert (part["reserved_seat"], part["seat_index"], part["your_turn"]) == (0, None, False)
        assert await mine(d, eve) == []
        for method, where in (("GET", ""), ("GET", "/hydrate"), ("GET", "/events"), ("POST", "/join")):
            body = {"display_name": "Eve"} if method == "POST" else None
            assert await d.refused(method, path + where, eve, body) == "room_not_found"
        outside = await d.ok("GET", f"{path}/hydrate", bob)
        assert outside["me"]["reserved_seat"] == 1
        assert "u_ann" not in str(outside)
        socket = await d.socket(ann)
        assert (await socket.joins(room))["type"] == "hydrated"
        assert (await socket.does("request_join", room, "j", display_name="Ann"))["status"] == "approved"
        sat = await socket.does("take_seat", room, "s")
        assert (sat["type"], sat["seat_index"]) == ("ack", 0)
        assert (await socket.does("take_seat", room, "s"))["seat_index"] == 0  # The same command, the same answer.
        assert (await d.ok("POST", f"{path}/join", bob, {"display_name": "Bob"}))["status"] == "approved"
        assert await d.refused("POST", f"{path}/seat", bob, {"seat_index": 0}) == "seat_taken"
        assert (await d.ok("POST", f"{path}/seat", bob, {}))["seat_index"] == 1
        [part] = await mine(d, ann)
        assert (part["standing"], part["seat_index"], part["reserved_seat"]) == ("approved", 0, 0)
        await verify(d.database, room, False)


async def test_no_list_and_no_match_counts_them_as_free(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as d:
        shop = await backend(d, "manage")
        ann, eve = d.person("Ann"), d.person("Eve")
        full = await shop.ok("POST", "/api/rooms", {**MATCH, "reserved": {"u_ann": 0, "u_bob": 1}})
        half = await shop.ok("POST", "/api/rooms", {**MATCH, "reserved": {"u_ann": 0}})
        assert (await listed(d))[full["id"]]["reserved"] == [0, 1]
        assert set(await listed(d, open="true")) == {half["id"]}
        assert (await d.ok("POST", "/api/matchmake", eve, {"game": "tictactoe"}))["id"] == half["id"]
        other = (await d.ok("POST", "/api/matchmake", d.person("Cyd"), {"game": "tictactoe"}))["id"]
        assert other not in (full["id"], half["id"])
        path = f"/api/rooms/{half['id']}"
        await d.ok("POST", f"{path}/join", eve, {"display_name": "Eve"})
        assert await d.refused("POST", f"{path}/seat", eve, {"seat_index": 0}) == "seat_reserved"
        assert await d.refused("POST", f"{path}/seat", eve, {}) == "invalid_message"
        await d.ok("POST", f"{path}/seat", eve, {"seat_index": 1})
        assert set(await listed(d, open="true")) == {other}
        # A kick takes it from a user who has not come.
        await shop.ok("POST", f"{path}/kick", {"user_id": "u_ann"})
        assert "reserved" not in (await listed(d, open="true"))[half["id"]]
        assert [part["room"]["id"] for part in await mine(d, ann)] == [full["id"]]


async def test_a_creation_sent_again_is_one_room_with_those_seats(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as d:
        shop = await backend(d, "manage")

        async def opens(reserved: dict[str, int]) -> Json:
            headers = {"Authorization": f"Bearer {shop._token}", "Idempotency-Key": "k"}
            reply = await d.http.post(
                "/api/rooms", headers=headers, json={**MINE, "name": "Final", "reserved": reserved}
            )
            answer: Json = reply.json()
            return answer

        first = await opens({"u_ann": 0})
        assert (await opens({"u_ann": 0}))["id"] == first["id"]
        for other in ({"u_ann": 1}, {}, {"u_eve": 0}):
            assert (await opens(other))["error"]["code"] == "id_reused"


async def test_their_own_data_says_so(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as d:
        shop, ann = await backend(d, "manage"), d.person("Ann")
        room = (await shop.ok("POST", "/api/rooms", MINE))["id"]
        [kept] = (await d.ok("GET", "/api/session/data", ann))["rooms"]
        assert (kept["id"], kept["invited"], kept["reserved_seat"], kept["standing"]) == (room, True, 0, None)
        await shop.ok("POST", f"/api/rooms/{room}/kick", {"user_id": "u_ann"})
        [kept] = (await d.ok("GET", "/api/session/data", ann))["rooms"]
        assert (kept["invited"], kept["reserved_seat"]) == (True, None)


async def left_of(user: str, truth: asyncpg.Connection[Any]) -> dict[str, int]:
    found = await tables_with(truth, user)
    found.pop("public.sign_outs", None)  # for as long as a token of theirs may be good
    return {**found, **({"readable": 1} if user in await unpacked(truth) else {})}


async def test_who_is_forgotten_has_no_seat_under_their_name(database_url: str, redis_url: str) -> None:
    """Also where they never came, and where the reservation has ended: checkpoints and log still name them."""
    async with doors(database_url, redis_url) as d, sql(database_url) as truth:
        shop, ann, bob = await backend(d, "manage"), d.person("Ann"), d.person("Bob")
        kept, ended, sat = [(await shop.ok("POST", "/api/rooms", MINE))["id"] for _ in range(3)]
        await shop.ok("POST", f"/api/rooms/{ended}/kick", {"user_id": "u_ann"})
        await d.ok("POST", f"/api/rooms/{sat}/join", ann, {"display_name": "Ann"})
        await d.ok("POST", f"/api/rooms/{sat}/seat", ann, {})
        for room in (kept, ended, sat):
            await d.ok("POST", f"/api/rooms/{room}/join", bob, {"display_name": "Bob"})
            await d.ok("POST", f"/api/rooms/{room}/seat", bob, {})
            for _ in range(3):
                await d.ok("POST", f"/api/rooms/{room}/chat", bob, {"text": "Hello?"})
        assert await left_of("u_ann", truth)
        alias = (await d.ok("DELETE", "/api/session/data", ann, {"user_id": "u_ann"}))["pseudonym"]
        await erasure(d.database, redis_url).work()
        assert await left_of("u_ann", truth) == {}
        view = await d.ok("GET", f"/api/rooms/{kept}/hydrate", bob)
        assert view["reservations"] == {"0": {"user_id": alias}}
        await shop.ok("POST", f"/api/rooms/{kept}/kick", {"user_id": alias})
        for room in (kept, ended, sat):
            await verify(d.database, room, False)


@pytest.mark.parametrize("came", [False, True])
async def test_a_room_that_is_put_back_has_its_reservation_again(database_url: str, redis_url: str, came: bool) -> None:
    async with doors(database_url, redis_url) as d:
        shop, ann = await backend(d, "manage"), d.person("Ann")
        room = RoomId((await shop.ok("POST", "/api/rooms", MINE))["id"])
        if came:
            await d.ok("POST", f"/api/rooms/{room}/join", ann, {"display_name": "Ann"})
            await d.ok("POST", f"/api/rooms/{room}/seat", ann, {})
        back_to = (await d.database.rows("positions", rooms=[room]))[0]["seq"]
        await shop.ok("POST", f"/api/rooms/{room}/kick", {"user_id": "u_ann"})
        row = await d.database.row("load_room", rooms=[room])
        assert row is not None
        assert room_of(row).info.reservations == {"u_bob": 1}
        way = await way_to(d.database, room, back_to)
        assert way.room is not None
        assert await put_back(d.database, row, "by a test", way.room, back_to) is not None
        again = await d.database.row("load_room", rooms=[room])
        assert again is not None
        assert room_of(again) == way.room
        assert way.room.info.reservations == {"u_ann": 0, "u_bob": 1}
        assert (await d.ok("GET", f"/api/rooms/{room}", ann))["reserved"] == ([1] if came else [0, 1])
