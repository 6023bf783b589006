"""`GET /api/me/rooms`: where the caller sits, watches, waits, or is the host."""

from __future__ import annotations

from typing import Any

from kit.doors import Doors, Person, doors


async def mine(d: Doors, who: Person) -> dict[str, dict[str, Any]]:
    rooms = (await d.ok("GET", "/api/me/rooms", who))["rooms"]
    found = {each["room"]["name"]: each for each in rooms}
    assert len(found) == len(rooms)
    return found


async def test_every_part_that_one_can_have(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as d:
        ann, bob = d.person("Ann"), d.person("Bob")
        ids = {}
        for name in ("hosted", "played", "watched", "admitted", "asked", "put out", "left", "closed"):
            host = bob if name == "hosted" else ann
            approval = "host" if name in ("asked", "put out") else "auto"
            ids[name] = (await d.opened(host, name=name, approval=approval))["id"]
        for name in ("played", "watched", "admitted", "asked", "put out", "left", "closed"):
            await d.ok("POST", f"/api/rooms/{ids[name]}/join", bob, {"display_name": "Bob"})
        await d.ok("POST", f"/api/rooms/{ids['watched']}/spectate", bob, {})
        await d.ok("POST", f"/api/rooms/{ids['put out']}/reject", ann, {"user_id": bob.user})
        await d.ok("POST", f"/api/rooms/{ids['left']}/leave", bob, {})
        await d.ok("POST", f"/api/rooms/{ids['closed']}/close", ann, {})
        for index, player in enumerate((bob, ann)):
            await d.ok("POST", f"/api/rooms/{ids['played']}/seat", player, {"seat_index": index})

        found = await mine(d, bob)
        parts = {name: (each["standing"], each["role"], each["is_host"]) for name, each in found.items()}
        assert parts == {
            "played": ("approved", "player", False),
            "hosted": ("approved", "approved", True),
            "watched": ("approved", "spectator", False),
            "admitted": ("approved", "approved", False),
            "asked": ("pending", "guest", False),
        }
        assert next(iter(found)) == "played", "those with a seat come first"
        assert found["played"]["seat_index"] == 0
        assert found["hosted"]["seat_index"] is None
        for each in found.values():
            assert each["room"] == await d.ok("GET", f"/api/rooms/{each['room']['id']}", bob), "as the lobby says it"
        assert (await mine(d, d.person("Eve"))) == {}
        assert await d.refused("GET", "/api/me/rooms") == "unauthenticated"


async def test_whose_turn_it_is(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as d:
        ann, bob = d.person("Ann"), d.person("Bob")
        room = (await d.opened(ann))["id"]
        await d.ok("POST", f"/api/rooms/{room}/join", bob, {"display_name": "Bob"})
        socket = await d.socket(ann)
        await socket.joins(room)
        for index, player in enumerate((ann, bob)):
            await d.ok("POST", f"/api/rooms/{room}/seat", player, {"seat_index": index})
        await socket.hears(lambda frame: any(each["kind"] == "turn_started" for each in frame.get("events", ())))
        for _ in range(2):
            turns = {who: next(iter((await mine(d, who)).values()))["your_turn"] for who in (ann, bob)}
            assert sorted(turns.values()) == [False, True]
            mover = ann if turns[ann] else bob
            view = await d.ok("GET", f"/api/rooms/{room}/hydrate", mover)
            cell = view["me"]["legal"][0]["cell"]["choices"][0]
            await d.ok("POST", f"/api/rooms/{room}/actions", mover, {"move": "mark", "cell": cell})
            assert next(iter((await mine(d, mover)).values()))["your_turn"] is False
