"""Actors tell edges the updates of the rooms that they follow, on their lines; Redis has those that an edge may hear of
no other way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kit.edges import Actor, Edge, actor, edge
from kit.hosts import chat, connected, open_room, place
from kit.rooms import sender
from tavola.actors.host import teller as tellers
from tavola.actors.host.following_edges import LOADED_MS, LOST_MS
from tavola.actors.wire.commands import Epoch, RoomId
from tavola.actors.wire.messages import Committed, Submit
from tavola.edge.ws import fanout as fanouts
from tavola.storage.postgres import Database


@pytest.fixture(autouse=True)
def _nothing_is_repaired(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the database is asked, nor told where rooms stand, a moment later. (Nor is anything on Redis here.)"""
    monkeypatch.setattr(fanouts, "POLL_S", 3600.0)
    monkeypatch.setattr(tellers, "TELL_S", 3600.0)


@asynccontextmanager
async def room_at(one: Actor, database: Database) -> AsyncIterator[tuple[RoomId, Epoch]]:
    """A room of which it is known who follows it."""
    room = await open_room(database)
    epoch = await place(database, room)
    await one.table.does(epoch, "host", chat(room, "loaded"))
    one.table.time.ms += LOADED_MS
    yield room, epoch


async def follows(here: Edge, one: Actor, room: RoomId) -> None:
    [loaded] = [each for each in one.host.rooms.all() if each.id == room]
    await one.pulse.until(lambda: here.name in loaded.following.edges)


async def says(here: Edge, room: RoomId, text: str) -> int:
    """A command by this edge, as its sockets give them."""
    done = await here.router.ask(room, lambda at: Submit(at, sender("host"), chat(room, text)))
    assert isinstance(done, Committed)
    here.fanout.heard(room, done.update)
    return done.seq


async def test_two_edges_that_follow_a_room_need_no_redis(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        edge(database, redis_url) as here,
        edge(database, redis_url, "e2") as there,
        room_at(one, database) as (room, epoch),
    ):
        (_, ours), (_, theirs) = [await each.joins(one, "host", room, epoch) for each in (here, there)]
        for each in (here, there):
            await follows(each, one, room)
        before = len(one.table.published.messages)
        seqs = [await says(here, room, "one"), await says(there, room, "two"), await says(here, room, "three")]
        of_its_own = await one.table.does(epoch, "host", chat(room, "by neither"))
        for sink in (ours, theirs):
            await sink.has(of_its_own.seq)
            assert sink.seqs[-4:] == [*seqs, of_its_own.seq]
        assert here.shown == [seqs[1], of_its_own.seq], "its own came with the answers, and only so"
        assert there.shown == [seqs[0], seqs[2], of_its_own.seq]
        assert len(one.table.published.messages) == before


async def test_an_edge_that_follows_nothing_is_told_nothing(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        edge(database, redis_url) as here,
        room_at(one, database) as (room, epoch),
    ):
        follower, _ = await here.joins(one, "host", room, epoch)
        await follows(here, one, room)
        here.fanout.end(follower, room)
        [loaded] = one.host.rooms.all()
        await one.pulse.until(lambda: not loaded.following.edges)
        at = await one.table.does(epoch, "host", chat(room, "to nobody who is known"))
        assert at.seq in one.table.published.seqs(room)
        assert here.shown == []


async def test_an_edge_that_came_just_before_a_move_is_told_where_the_room_stands(
    database_url: str, redis_url: str
) -> None:
    """Its follower has seen the log as it was before the move; the actor heard of the edge after it."""
    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        edge(database, redis_url) as here,
        room_at(one, database) as (room, epoch),
    ):
        hold = one.holds_reports()
        _, sink = await here.joins(one, "host", room, epoch)
        at = await one.table.does(epoch, "host", chat(room, "before its edge was known"))
        assert at.seq not in sink.seqs
        await one.pulse.until(lambda: hold != [])
        one.lets_reports()
        await follows(here, one, room)
        await sink.has(at.seq)
        assert here.shown == []


async def test_an_edge_whose_line_breaks_has_redis_until_it_has_another(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        edge(database, redis_url) as here,
        room_at(one, database) as (room, epoch),
    ):
        _, sink = await here.joins(one, "host", room, epoch)
        await follows(here, one, room)
        before = len(one.table.published.messages)
        for end in list(one.server.ends):
            end.cut("the test")
        [loaded] = one.host.rooms.all()
        assert not loaded.following.edges
        at = await one.table.does(epoch, "host", chat(room, "while it has none"))
        assert [update.seq for _, update in one.table.published.messages[before:]] == [at.seq]
        here.fanout.heard(room, list(loaded.recent)[-1])
        await sink.has(at.seq)
        await follows(here, one, room)
        one.table.time.ms += LOST_MS
        at = await one.table.does(epoch, "host", chat(room, "on the next"))
        await sink.has(at.seq)
        assert here.shown == [at.seq]
        assert len(one.table.published.messages) == before + 1


async def test_an_edge_of_the_release_before_needs_redis(database_url: str, redis_url: str) -> None:
    """And one of this release beside it does not."""
    async with (
        connected(database_url) as database,
        actor(database, "a") as one,
        edge(database, redis_url) as here,
        edge(database, redis_url, "e2", older=True) as older,
        room_at(one, database) as (room, epoch),
    ):
        _, sink = await here.joins(one, "host", room, epoch)
        await older.joins(one, "host", room, epoch)
        await follows(here, one, room)
        await one.pulse.until(lambda: len(one.attends(room)) == 2)
        before = len(one.table.published.messages)
        at = await one.table.does(epoch, "host", chat(room, "to both"))
        await sink.has(at.seq)
        assert [update.seq for _, update in one.table.published.messages[before:]] == [at.seq]
        assert older.shown == []


async def test_a_room_that_was_loaded_just_now_is_published_too(database_url: str, redis_url: str) -> None:
    async with connected(database_url) as database, actor(database, "a") as one:
        room = await open_room(database)
        epoch = await place(database, room)
        at = await one.table.does(epoch, "host", chat(room, "somebody may follow it"))
        assert at.seq in one.table.published.seqs(room)
