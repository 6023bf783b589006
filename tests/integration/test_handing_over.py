"""A room goes from an actor to another while it is played: what is under way ends, what comes waits and is answered by
the other, edges know at once; and whatever goes wrong, the room is somewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kit.damage import playing
from kit.edges import Actor, Edge, NoCluster, actor, edge, execute
from kit.hosts import SECRET, chat, connected, log_of, open_room, place, stored
from kit.rooms import sender
from kit.table import HOLD_COMMITS
from tavola.actors.cluster.directory import Directory
from tavola.actors.cluster.mover import MoveOutcome, Mover
from tavola.actors.cluster.steward import Steward
from tavola.actors.host import handing_over
from tavola.actors.log.unreadable import Newer
from tavola.actors.wire import line as lines
from tavola.actors.wire.commands import Epoch, RoomId
from tavola.actors.wire.messages import (
    Activate,
    Committed,
    HandedOver,
    HandOver,
    Moved,
    Prepare,
    RoomGone,
    Submit,
)
from tavola.actors.wire.refusals import FULL, STORAGE_AWAY
from tavola.config.settings import Settings
from tavola.storage.postgres import Database, StorageUnavailable
from tavola.storage.rows import Row


@asynccontextmanager
async def moving(database: Database) -> AsyncIterator[Mover]:
    mover = Mover(database, Directory(database, NoCluster()), SECRET)
    try:
        yield mover
    finally:
        mover.close()


@asynccontextmanager
async def commits_held(database_url: str) -> AsyncIterator[None]:
    async with connected(database_url, most=1) as other:
        connection = await other.take()
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(HOLD_COMMITS)
        try:
            yield
        finally:
            await transaction.rollback()
            await other.give_back(connection)


async def gapless(database: Database, room: RoomId) -> None:
    rows = await log_of(database, room)
    assert [row["seq"] for row in rows] == list(range(1, (await stored(database, room))["seq"] + 1))


async def test_what_is_under_way_ends_and_what_comes_meanwhile_goes_after_the_room(database_url: str) -> None:
    async with connected(database_url) as database, actor(database, "a") as a, actor(database, "b") as b:
        room, epoch = await playing(database, a.table)
        async with commits_held(database_url):
            before = a.table.deliver(epoch, "ann", chat(room, "before"))
            handed = a.table.begin(HandOver(epoch, room))
            meanwhile = a.table.deliver(epoch, "host", chat(room, "meanwhile"))
            again = a.table.deliver(epoch, "ann", chat(room, "before"))
            await asyncio.wait([before, handed, meanwhile], timeout=0.2)
            assert not any(each.done() for each in (before, handed, meanwhile, again)), "they wait for the commit"
        async with asyncio.timeout(8):
            assert isinstance(await before, Committed), "it is not fenced"
            place = await handed
            assert await meanwhile == await again == Moved()
        assert isinstance(place, HandedOver)
        row = await stored(database, room)
        assert (place.actor, row["actor"], row["epoch"]) == ("b", "b", place.epoch)
        assert a.host.rooms.all() == []
        answer = await b.table.ask(Submit(place.epoch, sender("host"), chat(room, "meanwhile")))
        assert isinstance(answer, Committed)
        assert (await b.table.does(place.epoch, "ann", chat(room, "before"))).update == b"", "once, as answered before"
        assert await a.table.ask(HandOver(epoch, room)) == Moved(), "it has none"
        await gapless(database, room)


async def test_a_commit_that_does_not_end_keeps_its_room(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handing_over, "WITHIN_S", 0.1)
    async with connected(database_url) as database, actor(database, "a") as a, actor(database, "b"):
        room, epoch = await playing(database, a.table)
        async with commits_held(database_url):
            before = a.table.deliver(epoch, "ann", chat(room, "before"))
            handed = a.table.begin(HandOver(epoch, room))
            meanwhile = a.table.deliver(epoch, "host", chat(room, "meanwhile"))
            assert await handed == STORAGE_AWAY
        assert isinstance(await before, Committed)
        assert isinstance(await meanwhile, Committed)
        assert (await stored(database, room))["epoch"] == epoch


async def test_without_another_actor_the_room_stays_and_is_played_on(database_url: str) -> None:
    async with connected(database_url) as database, actor(database, "a") as a, moving(database) as mover:
        room, epoch = await playing(database, a.table)
        handed = a.table.begin(HandOver(epoch, room))
        meanwhile = a.table.deliver(epoch, "host", chat(room, "meanwhile"))
        assert await handed == FULL
        assert isinstance(await meanwhile, Committed)
        assert await mover.move(room, "a") is MoveOutcome.STAYS
        assert (await stored(database, room))["epoch"] == epoch


async def test_a_room_whose_place_is_not_known_is_looked_up(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(database_url) as database, actor(database, "a") as a, actor(database, "b"):
        room, epoch = await playing(database, a.table)
        away = a.host._handing_over._database

        class Answerless:
            async def row(self, query: str, **given: object) -> None:
                await away.row(query, **given)  # type: ignore[arg-type]
                raise StorageUnavailable("the answer was lost", unknown=True)

        monkeypatch.setattr(a.host._handing_over, "_database", Answerless())
        handed = a.table.begin(HandOver(epoch, room))
        meanwhile = a.table.deliver(epoch, "host", chat(room, "meanwhile"))
        assert await handed == await meanwhile == Moved()
        assert a.host.rooms.all() == []
        assert (await stored(database, room))["actor"] == "b"


async def test_edges_are_told_where_it_is_before_anybody_asks(database_url: str, redis_url: str) -> None:
    async with (
        connected(database_url) as database,
        actor(database, "a") as a,
        actor(database, "b") as b,
        edge(database, redis_url) as e,
        moving(database) as mover,
    ):
        room, epoch = await playing(database, a.table)
        await asked(e, room, "first")
        await e.joins(a, "ann", room, epoch)
        await a.pulse.until(lambda: a.attends(room))
        e.router.directory.locate = None  # type: ignore[assignment, method-assign]
        assert await mover.move(room, "a") is MoveOutcome.MOVED
        [loaded] = b.host.rooms.all()
        assert loaded.id == room, "and it is loaded, clocks and all"
        await b.pulse.until(lambda: b.attends(room))
        assert any({"ann"} == here for here, _, _ in b.attends(room)), "who follows it is announced there"
        assert isinstance(await asked(e, room, "second"), Committed), "without a look into the directory"
        gone = [each for told in e.told for each in told.gone]
        row = await stored(database, room)
        assert gone == [RoomGone(room, row["epoch"], "b", address(b))]
        assert await mover.move(room, "a") is MoveOutcome.GONE
        await gapless(database, room)


async def asked(e: Edge, room: RoomId, id: str) -> object:
    return await e.router.ask(room, lambda epoch: Submit(Epoch(epoch), sender("host"), chat(room, id)))


def address(one: Actor) -> str:
    assert one.server._server is not None
    host, port = one.server._server.sockets[0].getsockname()[:2]
    return f"{host}:{port}"


@pytest.mark.parametrize("gone", ["before", "silent"])
async def test_a_room_of_an_actor_that_cannot_hand_over_is_fenced(
    database_url: str, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    """One of a release before, which says no version; and one that does not answer."""
    if gone == "before":
        monkeypatch.setattr(lines, "VERSION", 1)
    async with (
        connected(database_url) as database,
        actor(database, "a") as a,
        actor(database, "b") as b,
        moving(database) as mover,
    ):
        room, epoch = await playing(database, a.table)
        if gone == "silent":
            await a.server.stop()
            await execute(database, "UPDATE room_actors SET address = '127.0.0.1:1' WHERE name = 'a'")
        assert await mover.move(room, "a") is MoveOutcome.MOVED
        assert not any(isinstance(request, HandOver) for request in a.asked)
        assert [loaded.id for loaded in b.host.rooms.all()] == [room]
        late = a.table.deliver(epoch, "ann", chat(room, "late"))
        assert await late == Moved(), "the actor of before has lost it"
        row = await stored(database, room)
        await b.table.does(row["epoch"], "ann", chat(room, "late"))
        await gapless(database, room)


async def test_a_room_goes_to_the_actor_that_is_named(database_url: str) -> None:
    async with (
        connected(database_url) as database,
        actor(database, "a") as a,
        actor(database, "b"),
        actor(database, "c"),
        moving(database) as mover,
    ):
        room, _ = await playing(database, a.table)
        await execute(database, "UPDATE room_actors SET rooms = 50 WHERE name = 'b'")
        assert await mover.move(room, "a", to="c") is MoveOutcome.MOVED, "and not to the fuller"
        assert (await stored(database, room))["actor"] == "c"
        assert await mover.move(room, "c", to="c") is MoveOutcome.STAYS


async def test_quiet_rooms_are_evened_out_over_nodes(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(database_url) as database, actor(database, "a") as a, actor(database, "b"):
        await execute(database, "UPDATE room_actors SET node = 'other' WHERE name = 'b'")
        rooms = [(await playing(database, a.table))[0] for _ in range(6)]
        settings = Settings(_env_file=None, database_url="postgresql://x/x", jwt_secret=SECRET.newest.decode())

        def steward(settings: Settings) -> Steward:
            directory = Directory(database, NoCluster())
            return Steward(settings, SECRET, database, directory, NoCluster(), lambda: a.table.time.ms + 5000)

        async def there() -> list[int]:
            for id, node in enumerate(("node", "other")):
                await database.rows(
                    "beat_node", id=f"{id}", address=node, pid=1, most=9, suspects=4, code="c", disk="c", may_end=False
                )
            owners = [(await stored(database, room))["actor"] for room in rooms]
            return [owners.count("a"), owners.count("b")]

        rounds = steward(settings)
        await there()
        monkeypatch.setattr("tavola.actors.host.host.QUIET_S", 3600.0)
        await rounds.even_out()
        assert any(isinstance(request, HandOver) and request.quiet for request in a.asked)
        assert await there() == [6, 0], "somebody has just moved in each"
        monkeypatch.setattr("tavola.actors.host.host.QUIET_S", -1.0)
        await steward(settings.model_copy(update={"rooms_evened_per_second": 0})).even_out()
        assert await there() == [6, 0], "it is switched off"
        await rounds.even_out()
        assert await there() == [4, 2], "a few at a time"
        await rounds.even_out()
        assert await there() == [4, 2], "and then it is even"
        for room in rooms:
            await gapless(database, room)


async def test_a_crowded_actor_is_given_a_room_only_where_there_is_no_other(database_url: str) -> None:
    async with connected(database_url) as database, actor(database, "a"), actor(database, "b"):
        crowded = 'UPDATE room_actors SET measured = \'{"?": {"commit": 300}}\', rooms = 7 WHERE name = $1'
        await execute(database, crowded, "a")
        rooms = [await open_room(database) for _ in range(2)]
        await place(database, rooms[0])
        assert (await stored(database, rooms[0]))["actor"] == "b", "and not to the fullest"
        await place(database, rooms[1], avoid="b")
        assert (await stored(database, rooms[1]))["actor"] == "a"


async def test_a_room_goes_to_no_actor_whose_code_cannot_read_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        connected(database_url) as database,
        actor(database, "a") as a,
        actor(database, "b") as b,
        moving(database) as mover,
    ):
        room, epoch = await playing(database, a.table)

        async def made(row: Row) -> None:
            raise Newer(row["id"], row["seq"], "game 9")

        with monkeypatch.context() as before:
            before.setattr(b.host.rooms, "_made", made)
            assert await mover.move(room, "a") is MoveOutcome.REFUSED
        assert (await stored(database, room))["epoch"] == epoch, "it stays, and is played"
        await a.table.does(epoch, "ann", chat(room, "on"))
        assert await execute(database, "SELECT FROM unreadable_rooms") == []
        assert await mover.move(room, "a") is MoveOutcome.MOVED
        assert [type(request) for request in b.asked] == [Prepare, Prepare, Activate]
