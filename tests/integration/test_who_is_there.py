"""The people of a room who are there, and how many there are of everything, asked by REST."""

from __future__ import annotations

import asyncio
from typing import Any

from kit.doors import Doors, Person, doors
from kit.proxy import proxied


async def there(edge: Doors, who: Person, room: str, online: int) -> dict[str, Any]:
    """The answer, once so many are there."""
    async with asyncio.timeout(20):
        while True:
            told = await edge.ok("GET", f"/api/rooms/{room}/online", who)
            if told["online"] == online and not told["partial"]:
                return told
            await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.01)


async def test_those_inside_are_told_who_and_others_how_many(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        ada, bob, cat, dan = map(edge.person, ("Ada", "Bob", "Cat", "Dan"))
        room = (await edge.opened(ada))["id"]
        sockets = {}
        for who in (ada, bob, cat, dan):
            sockets[who] = await edge.socket(who)
            await sockets[who].joins(room)
        await sockets[bob].does("request_join", room, "1", display_name="Bob")
        await sockets[bob].does("take_seat", room, "2", seat_index=1)
        await sockets[cat].does("request_join", room, "1", display_name="Cat")
        await sockets[cat].does("spectate", room, "2")
        told = await there(edge, bob, room, 3)
        assert told["people"] == [
            {"user_id": bob.user, "display_name": "Bob", "role": "player", "is_host": False, "seat_index": 1},
            {"user_id": cat.user, "display_name": "Cat", "role": "spectator", "is_host": False, "seat_index": None},
            {"user_id": ada.user, "display_name": "Ada", "role": "approved", "is_host": True, "seat_index": None},
        ]
        assert await there(edge, dan, room, 3) == {"online": 3, "partial": False}, (
            "who is there, strangers are not told"
        )
        sockets[cat].close(1000, "gone")
        assert [each["display_name"] for each in (await there(edge, ada, room, 2))["people"]] == ["Bob", "Ada"]
        # Bob watches then; and then follows the room without a part in it.
        await sockets[bob].does("leave_seat", room, "3")
        assert [each["role"] for each in (await there(edge, ada, room, 2))["people"]] == ["spectator", "approved"]
        await sockets[bob].does("stop_spectating", room, "4")
        assert [each["display_name"] for each in (await there(edge, ada, room, 1))["people"]] == ["Ada"]
        assert "people" not in await there(edge, bob, room, 1)


async def test_a_private_room_is_none_for_strangers(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        ada, dan = map(edge.person, ("Ada", "Dan"))
        room = await edge.opened(ada, visibility="private")
        await (await edge.socket(ada)).joins(room["id"])
        assert [each["display_name"] for each in (await there(edge, ada, room["id"], 1))["people"]] == ["Ada"]
        for id in (room["id"], "r_0000000000000000"):
            assert await edge.refused("GET", f"/api/rooms/{id}/online", dan) == "room_not_found"
        assert await edge.refused("GET", f"/api/rooms/{room['id']}/online") == "unauthenticated"
        assert await there(edge, dan, room["code"], 1) == {"online": 1, "partial": False}


async def test_how_many_there_are(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge, asyncio.timeout(20):
        ada, bob = map(edge.person, ("Ada", "Bob"))
        room = (await edge.opened(ada))["id"]
        one, two, again = [await edge.socket(who) for who in (ada, bob, bob)]

        async def counts(users: int, active: int, sockets: int) -> None:
            wanted = {"online_users": users, "active_games": active, "connections": sockets, "partial": False}
            while await edge.ok("GET", "/api/stats", ada) != wanted:
                await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.01)

        await counts(2, 0, 3)
        for seat, (who, socket) in enumerate(((ada, one), (bob, two))):
            await socket.joins(room)
            await socket.does("request_join", room, f"join {who.user}", display_name=who.user)
            await socket.does("take_seat", room, f"sit {who.user}", seat_index=seat)
        await one.does("start", room, "start")
        await counts(2, 1, 3)
        await one.does("pause", room, "pause")
        await counts(2, 0, 3)
        await one.does("resume", room, "resume")
        await counts(2, 1, 3)
        again.close(1000, "gone")
        one.close(1000, "gone")
        await counts(1, 1, 1)
        two.close(1000, "gone")
        await counts(0, 0, 0)
        assert await edge.refused("GET", "/api/stats") == "unauthenticated"


async def test_without_redis_an_answer_says_that_it_is_partial(database_url: str, redis_url: str) -> None:
    async with proxied(redis_url) as proxy, doors(database_url, proxy.url) as edge:
        ada, bob = map(edge.person, ("Ada", "Bob"))
        room = (await edge.opened(ada))["id"]
        await (await edge.socket(ada)).joins(room)
        await there(edge, ada, room, 1)
        proxy.go_away()
        async with asyncio.timeout(20):
            while edge.services.people.link.up:
                await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.01)
        assert proxy.refused >= 1
        told = await edge.ok("GET", f"/api/rooms/{room}/online", ada)
        assert (told["online"], told["partial"], [each["user_id"] for each in told["people"]]) == (1, True, [ada.user])
        await edge.socket(bob)
        assert await edge.ok("GET", "/api/stats", ada) == {
            "online_users": 2, "active_games": 0, "connections": 2, "partial": True,
        }  # fmt: skip
