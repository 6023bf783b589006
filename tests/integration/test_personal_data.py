"""All that is kept of one user: everything of theirs, and nothing of anybody else's."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from typing import Any

import pytest

from kit.doors import doors
from tavola.edge.identity import personal_data


async def test_everything_of_theirs_and_nothing_of_others(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        ada, ben = edge.person("Ada"), edge.person("Ben")
        mine, left = (await edge.opened(ada))["id"], (await edge.opened(ben))["id"]
        for who, room in ((ben, mine), (ada, left)):
            await edge.ok("POST", f"/api/rooms/{room}/join", who, {"display_name": "Somebody"})
        await edge.ok("POST", f"/api/rooms/{mine}/seat", ada, {"seat_index": 1})
        await edge.ok("POST", f"/api/rooms/{mine}/chat", ada, {"text": "what Ada said"})
        await edge.ok("POST", f"/api/rooms/{left}/spectate", ben)
        await edge.ok("POST", f"/api/rooms/{left}/chat", ben, {"text": "what Ben said"})
        await edge.ok("POST", f"/api/rooms/{left}/leave", ada)
        found = await edge.ok("GET", "/api/session/data", ada)

        assert found["user_id"] == ada.user
        assert {room["id"]: (room["is_host"], room["seat_index"]) for room in found["rooms"]} == {mine: (True, 1)}
        assert found["rooms"][0]["tokens"] == 1
        did = [(each["room_id"], each["command"]["type"]) for each in found["commands"]]
        assert did == [(left, "request_join"), (mine, "take_seat"), (mine, "chat"), (left, "leave")]
        assert found["commands"][2]["command"]["text"] == "what Ada said"
        assert found["next"] is None
        text = json.dumps(found)
        assert "what Ben said" not in text
        assert ben.user not in text
        assert "grant" not in text

        done = await tavola(database_url, "user", "data", ada.user)
        assert json.loads(done) == found


async def test_a_page_at_a_time(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(personal_data, "PAGE", 2)
    monkeypatch.setattr(personal_data, "COMMANDS_LIMIT", 4)
    async with doors(database_url, redis_url) as edge:
        ada = edge.person("Ada")
        room = (await edge.opened(ada))["id"]
        for n in range(7):
            await edge.ok("POST", f"/api/rooms/{room}/chat", ada, {"text": f"{n}"})
        first = await edge.ok("GET", "/api/session/data", ada)
        place = "&".join(f"{name}={value}" for name, value in first["next"].items())
        rest = await edge.ok("GET", f"/api/session/data?{place}", ada)
        said = [each["command"]["text"] for page in (first, rest) for each in page["commands"]]
        assert said == [str(n) for n in range(7)]
        assert rest["next"] is None


async def test_it_is_not_asked_for_all_the_time(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        ada = edge.person("Ada")
        for _ in range(6):
            await edge.ok("GET", "/api/session/data", ada)
        assert await edge.refused("GET", "/api/session/data", ada) == "rate_limited"


async def tavola(url: str, *words: str, redis_url: str = "redis://127.0.0.1:1") -> Any:
    environment = {"DATABASE_URL": url, "TAVOLA_JWT_SECRET": "x" * 32, "REDIS_URL": redis_url}
    environment |= {"RAY_ADDRESS": "127.0.0.1:1", "PATH": "/usr/bin:/bin"}
    program = (sys.executable, "-m", "tavola", *words)
    process = await asyncio.create_subprocess_exec(*program, stdout=PIPE, stderr=PIPE, env=environment)
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out
