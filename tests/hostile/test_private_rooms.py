"""A private room is there for who has its code, or a part in it. For a stranger who has its id alone there is none."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from kit.doors import Doors, Person, doors
from tavola.actors.wire.names import CODE_LETTERS

BODIES: dict[str, dict[str, Any]] = {
    "join": {"display_name": "Eve"},
    "approve": {"user_id": "u_ann"},
    "reject": {"user_id": "u_ann"},
    "seat": {"seat_index": 0},
    "actions": {"move": "mark", "cell": 0},
    "rebuy": {"amount": 5},
    "chat": {"text": "hello"},
    "kick": {"user_id": "u_ann"},
    "chips": {"user_id": "u_ann", "amount": 5},
    "settings": {"settings": {"name": "Mine"}},
    "host": {"user_id": "u_eve"},
    "broadcast": {"text": "hello"},
    "bots": {"seat_index": 0},
    "withdraw": {"act_id": "x"},
    "answer_draw": {"accept": True},
    "answer_undo": {"accept": True},
    "restore": {"version": 0},
}

QUERIES = {"then": "?seq=1"}


async def _private(at: Doors) -> tuple[Person, Person, dict[str, Any]]:
    """Ann, who has a private room, Eve, who has its id, and the room."""
    ann, eve = at.person("Ann"), at.person("Eve")
    return ann, eve, await at.opened(ann, visibility="private", name="Between us")


async def _put(database_url: str, what: str, room: str) -> None:
    """As an earlier version left it."""
    connection = await asyncpg.connect(database_url, ssl=False)
    await connection.execute(f"UPDATE rooms SET {what} WHERE id = $1", room)
    await connection.close()


async def test_no_path_of_rest_tells_a_stranger_of_it(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as at:
        _, eve, room = await _private(at)
        document = await at.ok("GET", "/api/openapi.json")
        asked = 0
        for path, methods in document["paths"].items():
            if (
                not {"{id}", "{room}"} & set(path.split("/"))
                or path.endswith("/reconnect")
                or path.startswith("/api/admin/")
            ):
                continue
            for method in methods.keys() & {"get", "post", "delete"}:
                where = path.replace("{id}", room["id"]).replace("{room}", room["id"])
                where += QUERIES.get(path.rpartition("/")[2], "")
                body = BODIES.get(path.rpartition("/")[2], {}) if method == "post" else None
                status, answer = await at.ask(method.upper(), where, eve, body)
                assert (status, answer["error"]["code"]) == (404, "room_not_found"), (method, path)
                nowhere = await at.ask(method.upper(), where.replace(room["id"], "r_0"), eve, body)
                assert nowhere == (status, answer), "as of a room that there is not"
                asked += 1
        assert asked >= 28
        assert await at.log(room["id"]) == []


async def test_no_socket_tells_a_stranger_of_it(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as at:
        ann, eve, room = await _private(at)
        host, stranger = await at.socket(ann), await at.socket(eve)
        await host.joins(room["id"])
        for number in range(3):
            await host.does("chat", room["id"], f"say{number}", text="among ourselves")
        for more in ({}, {"after": 0}, {"after": 2}, {"code": "WRONG"}, {"code": "WRONG", "after": 1}):
            answer = await stranger.joins(room["id"], **more)
            assert (answer["type"], answer["code"]) == ("error", "room_not_found"), more
        for kind in ("request_join", "spectate", "chat", "leave"):
            answer = await stranger.does(kind, room["id"], kind, display_name="Eve", text="knock")
            assert answer["code"] == "room_not_found", kind
        await host.does("update_settings", room["id"], "more", settings={"name": "Secret plans"})
        told = str(stranger.payloads)
        assert not [word for word in (room["code"], "Between us", "Secret plans") if word in told]
        assert not [frame for frame in stranger.payloads if frame["type"] in ("update", "updates", "hydrated")]


async def test_who_has_the_code_comes_in_by_rest(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as at:
        _, eve, room = await _private(at)
        by_code, by_id = f"/api/rooms/{room['code'].lower()}", f"/api/rooms/{room['id']}"
        assert (await at.ok("GET", by_code))["id"] == room["id"]
        assert (await at.ok("GET", f"{by_code}/hydrate", eve))["room"]["code"] == room["code"]
        assert (await at.ok("GET", f"{by_code}/session", eve))["membership"] == "none"
        assert await at.refused("GET", f"{by_id}/hydrate", eve) == "room_not_found", "and looking gives no part"
        assert (await at.ok("POST", f"{by_code}/join", eve, {"display_name": "Eve"}))["status"] == "approved"
        assert (await at.ok("GET", f"{by_id}/hydrate", eve))["me"]["role"] == "approved", "they have a part now"
        assert (await at.ok("GET", by_id, eve))["code"] == room["code"]
        assert len((await at.ok("GET", f"{by_id}/events", eve))["updates"]) == 1


async def test_who_has_the_code_comes_in_by_a_socket(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as at:
        _, eve, room = await _private(at)
        socket = await at.socket(eve)
        view = await socket.joins(room["id"], code=room["code"].lower())
        assert (view["type"], view["view"]["me"]["role"]) == ("hydrated", "guest")
        assert (await socket.does("request_join", room["id"], "in", display_name="Eve"))["status"] == "approved"
        other = await at.socket(eve)
        assert (await other.joins(room["id"]))["type"] == "hydrated", "they have a part now"


async def test_who_left_is_a_stranger_again_and_leaving_twice_is_leaving_once(
    database_url: str, redis_url: str
) -> None:
    async with doors(database_url, redis_url) as at:
        _, eve, room = await _private(at)
        await at.ok("POST", f"/api/rooms/{room['code']}/join", eve, {"display_name": "Eve"})
        path = f"/api/rooms/{room['id']}/leave"
        left = await at.ask("POST", path, eve, {}, "bye")
        assert left[0] == 200
        assert await at.ask("POST", path, eve, {}, "bye") == left, "sent again, it is answered alike"
        assert await at.refused("GET", f"/api/rooms/{room['id']}/hydrate", eve) == "room_not_found"


async def test_codes_are_long_and_a_short_one_cannot_become_private(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as at:
        ann, _, room = await _private(at)
        assert len(CODE_LETTERS) ** len(room["code"]) >= 2**50
        public = await at.opened(ann)
        path = f"/api/rooms/{public['id']}/settings"
        assert "seq" in await at.ok("POST", path, ann, {"settings": {"visibility": "private"}})
        old = await at.opened(ann)
        await _put(database_url, "code = 'KXGFZC'", old["id"])
        hide = {"settings": {"visibility": "private"}}
        assert await at.refused("POST", f"/api/rooms/{old['id']}/settings", ann, hide) == "invalid_options"
        await _put(database_url, "settings = jsonb_set(settings::jsonb, '{visibility}', '\"private\"')", old["id"])
        assert (await at.ok("GET", "/api/rooms/kxgfzc"))["id"] == old["id"], "one that there is stays good"


@pytest.mark.parametrize("door", ["rest", "socket"])
async def test_guesses_are_limited(door: str, database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as at:
        ann, eve, room = await _private(at)
        socket = await at.socket(eve)

        async def guess(code: str) -> str:
            if door == "rest":
                status, answer = await at.ask("GET", f"/api/rooms/{code}/hydrate", eve)
                return "in" if status == 200 else answer["error"]["code"]
            answer = await socket.joins(room["id"], code=code)
            return "in" if answer["type"] == "hydrated" else answer["code"]

        answers = [await guess(f"WRONG{number}") for number in range(21)]
        assert answers == ["room_not_found"] * 20 + ["rate_limited"]
        assert await guess(room["code"]) == "rate_limited", "and the right one is answered as a wrong one"
        assert (await at.ok("GET", f"/api/rooms/{room['code']}/hydrate", ann))["me"]["is_host"]
