"""An id is one command's. Sent again it is answered alike; with another command it is refused, and nothing is done."""

from __future__ import annotations

from typing import Any

import pytest

from kit.doors import Doors, Person, doors
from tavola.actors.host.answers import REMEMBERED


async def _rooms(at: Doors) -> tuple[Person, str, dict[str, Any]]:
    ann = at.person("Ann")
    room = await at.opened(ann)
    return ann, f"/api/rooms/{room['id']}", room


@pytest.mark.parametrize("between", [0, REMEMBERED + 3], ids=["in memory", "in the log"])
async def test_the_same_key_with_another_command(between: int, database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as at:
        ann, path, room = await _rooms(at)
        seat = await at.ask("POST", f"{path}/seat", ann, {"seat_index": 0}, "sit")
        said = await at.ask("POST", f"{path}/chat", ann, {"text": "hello"}, "say")
        assert (seat[0], said) == (200, (200, {"seq": 2}))
        for number in range(between):
            await at.ok("POST", f"{path}/chat", ann, {"text": f"{number}"})
        log = len(await at.log(room["id"]))
        others: list[tuple[str, str, dict[str, Any], str]] = [
            ("POST", "chat", {"text": "goodbye"}, "say"),
            ("POST", "pause", {}, "say"),
            ("POST", "seat", {"seat_index": 1}, "sit"),
            ("POST", "chat", {"text": "hello"}, "sit"),
        ]
        for method, where, body, key in others:
            status, answer = await at.ask(method, f"{path}/{where}", ann, body, key)
            assert (status, answer["error"]["code"]) == (409, "id_reused"), (where, body, key)
        assert await at.ask("POST", f"{path}/chat", ann, {"text": "hello"}, "say") == said
        again = await at.ask("POST", f"{path}/seat", ann, {"seat_index": 0}, "sit")
        assert (again[0], again[1]["seq"]) == (200, 1)
        socket = await at.socket(ann)
        frame = await socket.does("chat", room["id"], "say", text="goodbye")
        assert frame["code"] == "id_reused", "both doors are one"
        assert (await socket.does("chat", room["id"], "say", text="hello"))["seq"] == 2
        assert len(await at.log(room["id"])) == log


async def test_of_two_at_once_one_has_the_id(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as at:
        ann, _, room = await _rooms(at)
        socket = await at.socket(ann)
        for text in ("one", "two", "one"):
            socket.say(type="chat", id="say", room=room["id"], text=text)
        await socket.pulse.until(lambda: sum(frame.get("id") == "say" for frame in socket.payloads) == 3)
        answers = [frame.get("code", frame["type"]) for frame in socket.payloads if frame.get("id") == "say"]
        assert sorted(answers) == ["ack", "ack", "id_reused"]
        assert [row["command"].count("two") for row in await at.log(room["id"])] == [0]


async def test_an_id_that_was_refused_is_free(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as at:
        ann, path, _ = await _rooms(at)
        status, answer = await at.ask("POST", f"{path}/resume", ann, {}, "id")
        assert (status, answer["error"]["code"]) == (409, "illegal_move")
        assert (await at.ask("POST", f"{path}/pause", ann, {}, "id"))[0] == 200


async def test_one_key_opens_one_room(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as at:
        ann = at.person("Ann")
        wish = {"game": "tictactoe", "options": {"turn_seconds": 9}}
        status, room = await at.ask("POST", "/api/rooms", ann, wish, "open")
        assert status == 201
        for other in (
            {"game": "holdem"},
            {**wish, "visibility": "private"},
            {**wish, "name": "Mine"},
            {**wish, "options": {}},
        ):
            status, answer = await at.ask("POST", "/api/rooms", ann, other, "open")
            assert (status, answer["error"]["code"]) == (409, "id_reused"), other
        matched = await at.ask("POST", "/api/matchmake", ann, {"game": "tictactoe"}, "match")
        assert matched[0] == 200
        assert await at.ask("POST", "/api/matchmake", ann, {"game": "tictactoe"}, "match") == matched
        status, answer = await at.ask("POST", "/api/matchmake", ann, {"game": "holdem"}, "match")
        assert (status, answer["error"]["code"]) == (409, "id_reused")
        await at.ok("POST", f"/api/rooms/{room['id']}/settings", ann, {"settings": {"name": "Another"}})
        status, again = await at.ask("POST", "/api/rooms", ann, wish, "open")
        assert (status, again["id"], again["name"]) == (201, room["id"], "Another")
