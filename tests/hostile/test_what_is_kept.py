"""Members that a client sends beside what was asked for are neither kept nor shown, and no name is made of what
nobody sees."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kit.doors import doors
from tavola.games.registry import GAMES

JUNK = {"junk": "x" * 31_000, "room_code": "?", "arguments": {"cell": 8}}
BLANK = {
    "braille": "\u2800",
    "hangul fillers": "\u3164\u115f\u1160\uffa0",
    "zero width": "\u200b\u200c\u200d\u2060\ufeff",
    "controls": "\x07\x1b\t",
    "directions": "\u202e\u2066\u200f",
    "marks alone": "\u0301\ufe0f\U000e0101",
    "private use": "\ue000\U000f0000",
    "blanks": "\u2003\u00a0\u3000",
    "a filler beside a name": "Ann\u3164",
    "a note without a head": "\U0001d159",
}
SEEN = ("Ann", "Łukasz Żółć", "山田", "!?", "🂡", "👩\u200d👩\u200d👧", "अनु", "٣")


async def test_arguments_that_no_move_has_are_dropped(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as at:
        ann, bob = at.person("Ann"), at.person("Bob")
        room = await at.opened(ann, options={"rematch_seconds": 0})
        path = f"/api/rooms/{room['id']}"
        await at.ok("POST", f"{path}/join", bob, {"display_name": "Bob"})
        for index, who in enumerate((ann, bob)):
            await at.ok("POST", f"{path}/seat", who, {"seat_index": index})
        assert (await at.ok("POST", f"{path}/actions", ann, {"move": "mark", "cell": 0, **JUNK}))["success"]
        socket = await at.socket(bob)
        first = await socket.does("act", room["id"], "one", move="mark", cell=1, **JUNK)
        assert first["type"] == "ack"
        assert (await socket.does("act", room["id"], "one", move="mark", cell=1)) == first, "it is the same move"
        moves = [row["command"] for row in await at.log(room["id"]) if '"act"' in row["command"]]
        assert [json.loads(move)["arguments"] for move in moves] == [{"cell": 0}, {"cell": 1}]


@pytest.mark.parametrize("kind", GAMES)
def test_a_game_names_what_it_offers(kind: str) -> None:
    assert GAMES[kind].moves
    assert all(isinstance(names, tuple) for names in GAMES[kind].moves.values())


@pytest.mark.parametrize("name", BLANK.values(), ids=BLANK)
async def test_names_that_nobody_sees(name: str, database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as at:
        ann, bob = at.person("Ann"), at.person("Bob")
        room = await at.opened(ann, approval="host")
        path = f"/api/rooms/{room['id']}"
        asked: list[tuple[str, str, dict[str, Any], str]] = [
            ("POST", "/api/session", {"display_name": name}, "invalid_message"),
            ("POST", "/api/rooms", {"game": "holdem", "name": name}, "invalid_options"),
            ("POST", f"{path}/join", {"display_name": name}, "invalid_message"),
            ("POST", f"{path}/spectate", {"display_name": name}, "invalid_message"),
            ("POST", f"{path}/seat", {"seat_index": 0, "display_name": name}, "invalid_message"),
            ("POST", f"{path}/settings", {"settings": {"name": name}}, "invalid_options"),
        ]
        for method, where, body, code in asked:
            who = bob if where.endswith("/join") else ann
            assert await at.refused(method, where, who, body) == code, where
        socket = await at.socket(bob)
        answer = await socket.does("request_join", room["id"], "in", display_name=name)
        assert answer["code"] == "invalid_message"
        assert await at.log(room["id"]) == []


async def test_names_that_everybody_sees(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as at:
        for number, name in enumerate(SEEN):
            who = at.person(f"P{number}")
            assert (await at.ok("POST", "/api/session", None, {"display_name": name}))["display_name"]
            assert (await at.opened(who, name=name))["name"]
