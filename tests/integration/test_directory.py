"""Placing rooms on a real Postgres: whoever else does so at once, one epoch wins and all learn the same place."""

from __future__ import annotations

import asyncio

import pytest

from kit.hosts import connected, open_room, stored
from tavola.actors.cluster import ceiling
from tavola.actors.cluster import directory as directories
from tavola.actors.cluster.directory import ClusterUnavailable, Directory, NoSuchRoom, Place
from tavola.actors.wire.commands import Epoch, RoomId
from tavola.storage.postgres import Database


class Starter:
    """Starts actors: rows, here."""

    def __init__(self, database: Database, capacity: int = 1) -> None:
        self.database, self.capacity = database, capacity
        self.started = 0

    async def start_actor(self, avoid: str | None = None) -> None:
        self.started += 1
        await register(self.database, f"started-{id(self)}-{self.started}", self.capacity)


class Nobody:
    """Cannot start any."""

    async def start_actor(self, avoid: str | None = None) -> None:
        raise ClusterUnavailable("no room in the cluster")


async def register(database: Database, name: str, capacity: int) -> None:
    await ceiling.register(database, name, "node", 1, f"127.0.0.1:{name}", capacity, None)


async def rooms_of(database: Database) -> dict[str, int]:
    return {row["name"]: row["rooms"] for row in await database.rows("actors")}


async def test_a_room_is_placed_once_and_then_found(database_url: str) -> None:
    async with connected(database_url) as database:
        await register(database, "a", 5)
        room = await open_room(database)
        directory = Directory(database, Nobody())
        assert await directory.locate(room) == Epoch(0)
        place = await directory.find(room)
        assert place == Place(room, place.epoch, "a", "127.0.0.1:a")
        assert place.epoch > 0
        assert await directory.find(room) == await directory.locate(room) == place
        assert await rooms_of(database) == {"a": 1}
        with pytest.raises(NoSuchRoom):
            await directory.find(RoomId("r_none"))


@pytest.mark.parametrize("capacity", [1, 500])
async def test_two_who_place_a_room_at_once_end_with_the_same_place(database_url: str, capacity: int) -> None:
    async with connected(database_url, most=8) as one, connected(database_url, most=8) as other:
        for name in ("a", "b", "c"):
            await register(one, name, capacity)
        directories = [Directory(one, Starter(one, capacity)), Directory(other, Starter(other, capacity))]
        rooms = [await open_room(one) for _ in range(12)]
        for room in rooms:
            places = await asyncio.gather(*(directory.find(room) for directory in directories * 2))
            assert len(set(places)) == 1, "nobody is left with another place"
            row = await stored(one, room)
            assert (row["actor"], row["epoch"]) == (places[0].actor, places[0].epoch)


async def test_a_lost_race_takes_no_room_from_an_actor(database_url: str) -> None:
    """All edges of a lost actor's rooms place them at once: each counts once, and the last one fits too."""
    async with connected(database_url, most=8) as one, connected(database_url, most=8) as other:
        rooms = [await open_room(one) for _ in range(40)]
        await register(one, "a", len(rooms))
        directories = [Directory(one, Nobody()), Directory(other, Nobody())]
        places = await asyncio.gather(*(each.find(room) for room in rooms for each in directories))
        assert {place.actor for place in places} == {"a"}
        assert await rooms_of(one) == {"a": len(rooms)}


async def test_two_who_take_over_at_once_raise_the_epoch_once(database_url: str) -> None:
    async with connected(database_url, most=8) as one, connected(database_url, most=8) as other:
        for name in ("a", "b", "c"):
            await register(one, name, 100)
        directories = [Directory(one, Nobody()), Directory(other, Nobody())]
        for _ in range(8):
            room = await open_room(one)
            lost = await directories[0].find(room)
            places = await asyncio.gather(*(directory.take_over(lost) for directory in directories * 3))
            assert len(set(places)) == 1
            assert (places[0].epoch > lost.epoch, places[0].actor == lost.actor) == (True, False)
            assert await directories[1].take_over(lost) == places[0], "who comes late learns the winner"
            await one.rows("beat_actor", name=lost.actor, measured=None)


async def test_an_actor_under_suspicion_gets_no_rooms_until_it_beats(database_url: str) -> None:
    async with connected(database_url) as database:
        await register(database, "a", 100)
        starter = Starter(database)
        directory = Directory(database, starter)
        lost = await directory.find(await open_room(database))
        await directory.take_over(lost)
        assert starter.started == 1
        assert (await directory.find(await open_room(database))).actor != "a"
        await database.rows("beat_actor", name="a", measured=None)
        assert (await directory.find(await open_room(database))).actor == "a"


async def test_actors_are_filled_before_spares_are_touched_and_never_beyond(database_url: str) -> None:
    async with connected(database_url, most=8) as database:
        for name in ("a", "b"):
            await register(database, name, 3)
        starter = Starter(database, capacity=3)
        directory = Directory(database, starter)
        rooms = [await open_room(database) for _ in range(8)]
        places = [await directory.find(room) for room in rooms[:3]]
        assert len({place.actor for place in places}) == 1
        await asyncio.gather(*(directory.find(room) for room in rooms))
        held = await rooms_of(database)
        assert all(count <= 3 for count in held.values())
        assert sum(held.values()) >= 8
        await database.rows("recount_actors")
        assert sum((await rooms_of(database)).values()) == 8
        assert starter.started >= 1


async def test_without_any_actor_it_is_said_in_time(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directories, "PLACE_WITHIN_S", 0.2)

    class Promising:
        async def start_actor(self, avoid: str | None = None) -> None:
            await asyncio.sleep(0)

    async with connected(database_url) as database:
        room = await open_room(database)
        with pytest.raises(ClusterUnavailable):
            await Directory(database, Promising()).find(room)
        with pytest.raises(ClusterUnavailable):
            await Directory(database, Nobody()).find(room)
        assert (await stored(database, room))["epoch"] == 0


async def test_a_room_that_was_let_go_is_placed_at_a_higher_epoch(database_url: str) -> None:
    async with connected(database_url) as database:
        await register(database, "a", 5)
        room = await open_room(database)
        directory = Directory(database, Nobody())
        place = await directory.find(room)
        await database.rows("release_room", room_id=room, epoch=place.epoch + 1, actor="a")
        assert await directory.locate(room) == place, "only its owner at its epoch lets it go"
        await database.rows("release_room", room_id=room, epoch=place.epoch, actor="a")
        assert await directory.locate(room) == place.epoch
        assert (await directory.find(room)).epoch > place.epoch


async def test_a_buried_actor_has_no_rooms(database_url: str) -> None:
    async with connected(database_url) as database:
        await register(database, "a", 5)
        room = await open_room(database)
        directory = Directory(database, Nobody())
        place = await directory.find(room)
        await database.rows("forget_actor", name="a")
        assert await directory.locate(room) == place.epoch
        assert await database.row("beat_actor", name="a", measured=None) is None
        await register(database, "b", 5)
        assert (await directory.find(room)).actor == "b"
