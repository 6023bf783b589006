"""Actors tell edges where their rooms stand: what Redis loses is found without asking the database. The edges that need
Redis are those of the release before; to others the updates themselves are told (`test_updates_told`)."""

from __future__ import annotations

import asyncio

import pytest

from kit.edges import Actor, Edge, actor, edge
from kit.hosts import chat, connected, open_room, place
from kit.proxy import proxied
from kit.rooms import sender
from tavola.actors.host import teller as tellers
from tavola.actors.wire.commands import RoomId
from tavola.actors.wire.messages import Committed, Evict, RoomAt, RoomsAt, Submit
from tavola.edge.ws import fanout as fanouts
from tavola.edge.ws.fanout import Feed


@pytest.fixture(autouse=True)
def _nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is not asked; the hosts of these tests publish nothing on Redis either."""
    monkeypatch.setattr(fanouts, "POLL_S", 3600.0)


async def reached(here: Edge, one: Actor, room: RoomId) -> None:
    """The room's actor has heard of its followers there, by a line."""
    await one.pulse.until(lambda: one.attends(room) != [])
    assert here.router.told_of(room)


def stands(here: Edge, room: RoomId) -> list[int]:
    return [at.seq for told in here.told for at in told.rooms if at.room == room]


async def test_a_lost_message_is_told_by_the_actor(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        edge(database, redis_url, older=True) as here,
    ):
        room = await open_room(database)
        epoch = await place(database, room)
        _, sink = await here.joins(one, "host", room, epoch)
        await reached(here, one, room)
        before = sink.payloads[-1]["seq"] if sink.payloads else 0
        for number in range(3):
            at = await one.table.does(epoch, "host", chat(room, f"unheard {number}"))
            await sink.has(at.seq)
        assert sink.seqs == list(range(before + 1, at.seq + 1))


async def test_it_is_read_as_soon_as_the_database_is_back(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        proxied(database_url) as proxy,
        connected(proxy.url) as through,
        edge(through, redis_url, older=True) as here,
    ):
        room = await open_room(database)
        epoch = await place(database, room)
        _, sink = await here.joins(one, "host", room, epoch)
        await reached(here, one, room)
        monkeypatch.setattr(fanouts, "POLL_S", 0.05)
        tried = asyncio.Event()
        again = here.fanout._repair_again

        def once_more(feed: Feed) -> None:
            tried.set()
            again(feed)

        monkeypatch.setattr(here.fanout, "_repair_again", once_more)
        proxy.go_away()
        at = await one.table.does(epoch, "host", chat(room, "unheard"))
        async with asyncio.timeout(20.0):
            await tried.wait()
        assert at.seq not in sink.seqs
        proxy.come_back()
        await sink.has(at.seq)


async def test_an_edge_is_told_of_all_that_is_loaded_when_its_line_opens(database_url: str, redis_url: str) -> None:
    async with connected(database_url) as database, actor(database, "a") as one, edge(database, redis_url) as here:
        rooms = [await open_room(database) for _ in range(3)]
        placed = {room: await place(database, room) for room in rooms}
        for room, epoch in placed.items():
            await one.table.does(epoch, "host", chat(room, "before anybody listens"))
        await here.joins(one, "host", rooms[0], placed[rooms[0]])
        await reached(here, one, rooms[0])
        told = {at.room: at for rooms_at in here.told for at in rooms_at.rooms}
        assert told == {room: RoomAt(room, told[room].seq, epoch, epoch) for room, epoch in placed.items()}
        assert all(at.seq > 0 for at in told.values())


async def test_an_edge_is_not_told_what_it_was_answered(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        edge(database, redis_url) as here,
        edge(database, redis_url, "e2", older=True) as there,
    ):
        room = await open_room(database)
        epoch = await place(database, room)
        for each in (here, there):
            await each.joins(one, "host", room, epoch)
            await one.pulse.until(lambda each=each: each.router.told_of(room))  # type: ignore[misc]
        told = len(here.told)
        done = await here.router.ask(room, lambda at: Submit(at, sender("host"), chat(room, "mine")))
        assert isinstance(done, Committed)
        await there.pulse.until(lambda: done.seq in stands(there, room))
        assert done.seq not in stands(here, room)
        assert len(here.told) == told


async def test_a_room_that_its_actor_lets_go_of_is_told_of_no_more(database_url: str, redis_url: str) -> None:
    async with connected(database_url) as database, actor(database, "a") as one, edge(database, redis_url) as here:
        room = await open_room(database)
        epoch = await place(database, room)
        await here.joins(one, "host", room, epoch)
        await reached(here, one, room)
        await one.table.ask(Evict(epoch, room))
        await here.pulse.until(lambda: not here.router.told_of(room))
        assert any(room in told.let_go for told in here.told)


async def test_an_actor_that_has_lost_a_room_and_does_not_know_it_is_not_believed(
    database_url: str, redis_url: str
) -> None:
    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        actor(database, "b") as other,
        edge(database, redis_url) as here,
    ):
        room = await open_room(database)
        epoch = await place(database, room, avoid="b")
        _, sink = await here.joins(one, "host", room, epoch)
        await reached(here, one, room)
        moved = await place(database, room, avoid="a")
        at = await other.table.does(moved, "host", chat(room, "elsewhere"))
        here.fanout.heard(room, list(other.table.host.rooms.all()[0].recent)[-1])
        await sink.has(at.seq)
        stale = one.table.host.rooms.all()[0]
        assert stale.epoch < moved
        here.fanout.told(RoomsAt((RoomAt(room, stale.seq, stale.seq_epoch, stale.epoch),)))
        assert here.presence.epoch(room) == moved, "nobody is sent back there"


async def test_an_actor_of_the_release_before_is_asked_after_in_the_database(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanouts, "POLL_S", 0.05)
    async with (
        connected(database_url) as database,
        actor(database, "a", tells=False) as one,
        edge(database, redis_url) as here,
    ):
        room = await open_room(database)
        epoch = await place(database, room)
        _, sink = await here.joins(one, "host", room, epoch)
        await one.pulse.until(lambda: one.attends(room) != [])
        assert here.router.reaches(room)
        assert not here.router.told_of(room)
        at = await one.table.does(epoch, "host", chat(room, "unheard"))
        await sink.has(at.seq)
        assert here.told == []


async def test_a_room_that_was_lost_unnoticed_is_found_in_its_turn(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another actor owns it, the one before does not know, and Redis says nothing."""
    monkeypatch.setattr(fanouts, "POLL_S", 0.05)
    monkeypatch.setattr(fanouts, "ASSURED", 1)
    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        actor(database, "b") as other,
        edge(database, redis_url) as here,
    ):
        rooms = [await open_room(database) for _ in range(3)]
        sinks = []
        for room in rooms:
            epoch = await place(database, room, avoid="b")
            _, sink = await here.joins(one, "host", room, epoch)
            sinks.append(sink)
            await reached(here, one, room)
        for room, sink in zip(rooms, sinks, strict=True):
            moved = await place(database, room, avoid="a")
            at = await other.table.does(moved, "host", chat(room, "elsewhere"))
            await sink.has(at.seq)


async def test_nothing_is_said_while_nothing_changes(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tellers, "TELL_S", 0.0)
    async with connected(database_url) as database, actor(database, "a") as one, edge(database, redis_url) as here:
        room = await open_room(database)
        epoch = await place(database, room)
        await here.joins(one, "host", room, epoch)
        await reached(here, one, room)
        told = len(here.told)
        for number in range(3):
            await here.router.ask(room, lambda at, n=number: Submit(at, sender("host"), chat(room, f"{n}")))  # type: ignore[misc]
        assert len(here.told) == told, "the answers said it"
