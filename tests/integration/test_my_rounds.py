"""`GET /api/me/rounds` and how a table stood then: a game is shown again from the log, as its player saw it."""

from __future__ import annotations

from typing import Any

from kit.client import merged
from kit.doors import Doors, Person, doors

LINE = (0, 3, 1, 4, 2)
"""Cells, in turn: the player who begins has the first row."""


async def played(d: Doors, ann: Person, bob: Person) -> tuple[str, dict[str, Any]]:
    """A room in which a game was played to its end, and the view that Ann has of it."""
    room = (await d.opened(ann))["id"]
    await d.ok("POST", f"/api/rooms/{room}/join", bob, {"display_name": "Bob"})
    socket = await d.socket(ann)
    await socket.joins(room)
    for index, player in enumerate((ann, bob)):
        await d.ok("POST", f"/api/rooms/{room}/seat", player, {"seat_index": index})
    await socket.hears(lambda frame: any(each["kind"] == "turn_started" for each in frame.get("events", ())))
    for number, cell in enumerate(LINE):
        await d.ok("POST", f"/api/rooms/{room}/actions", (ann, bob)[number % 2], {"move": "mark", "cell": cell})
    return room, await d.ok("GET", f"/api/rooms/{room}/hydrate", ann)


async def test_a_game_is_listed_and_shown_again(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as d:
        ann, bob, eve = d.person("Ann"), d.person("Bob"), d.person("Eve")
        room, last = await played(d, ann, bob)
        for who in (ann, bob):
            listed = await d.ok("GET", "/api/me/rounds", who)
            [found] = listed["rounds"]
            assert (found["room"], found["game"], found["number"], listed["next"]) == (room, "tictactoe", 1, None)
            assert (found["record"]["winner"], found["record"]["line"]) == (0, [0, 1, 2])
            assert found["started_at"] <= found["ended_at"]
        assert (await d.ok("GET", f"/api/me/rounds?before={found['ended_at']}", ann))["rounds"] == []
        assert (await d.ok("GET", "/api/me/rounds", eve))["rounds"] == []

        then = await d.ok("GET", f"/api/rooms/{room}/then?seq={found['seq']}", ann)
        assert then["seq"] == found["seq"]
        view, boards = then["view"], []
        past = await d.ok("GET", f"/api/rooms/{room}/events?after={found['seq']}", ann)
        for update in past["updates"]:
            view = merged(view, update.get("patch", {}))
            boards.append(sum(mark is not None for mark in view["game"]["board"]))
        assert then["view"]["game"]["board"] == [None] * 9
        assert boards == [1, 2, 3, 4, 5]
        assert view["game"] == last["game"]
        assert view["seats"] == last["seats"]


async def test_nobody_else_sees_inside(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as d:
        ann, bob, eve = d.person("Ann"), d.person("Bob"), d.person("Eve")
        room, _ = await played(d, ann, bob)
        [found] = (await d.ok("GET", "/api/me/rounds", ann))["rounds"]
        outside = await d.ok("GET", f"/api/rooms/{room}/then?seq={found['seq']}", eve)
        assert "seats" not in outside["view"]
        assert await d.refused("GET", f"/api/rooms/r_none/then?seq={found['seq']}", eve) == "room_not_found"
        await d.ok("POST", f"/api/rooms/{room}/join", eve, {"display_name": "Eve"})
        assert (await d.ok("GET", "/api/me/rounds", eve))["rounds"] == [], "it was before her time"
