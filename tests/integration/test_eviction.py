"""A room that nobody asks for is let go, and comes back when somebody does; one whose clock rings soon is kept."""

from __future__ import annotations

import asyncio

import pytest

from kit.games import having
from kit.hosts import Table, Time, connected, hosting, open_room
from kit.timed import Timed
from kit.waiting import WITHIN_S
from tavola.actors.cluster.directory import Directory, Place
from tavola.actors.host.host import TELL_S
from tavola.actors.room.clock import MERCY_MS
from tavola.actors.wire.commands import Chat, Epoch, RequestJoin, RoomId, Spectate, TakeSeat, UserId
from tavola.actors.wire.messages import Ok, ReportPresence
from tavola.games.base import Correspondence
from tavola.storage.postgres import Database

IDLE_S = 5.0
"""Longer than a game waits before it begins, or for a player who is away. Both rooms are empty: a tenth is enough."""


class NoStarter:
    async def start_actor(self, avoid: str | None = None) -> None:
        raise AssertionError("there is an actor")


async def _place(database: Database, room: RoomId) -> Epoch:
    place = await Directory(database, NoStarter()).find(room)
    assert isinstance(place, Place)
    return place.epoch


async def test_an_idle_room_is_evicted_and_comes_back(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tavola.actors.host.host.IDLE_S", IDLE_S)

    async with connected(database_url) as database, hosting(database, "a") as table:
        idle, busy = await open_room(database), await open_room(database)
        kept = await _place(database, busy)
        await table.does(kept, "ann", RequestJoin(id="join", room=busy, display_name="Ann"))
        for seat, user in enumerate(("host", "ann")):
            await table.does(kept, user, TakeSeat(id="sit", room=busy, seat_index=seat))
        playing = next(loaded for loaded in table.host.rooms.all() if loaded.id == busy)
        gone = ReportPresence(kept, busy, "edge", gone=(UserId("host"), UserId("ann")))
        assert await table.ask(gone) == Ok()
        async with asyncio.timeout(WITHIN_S):  # It may have heard of them a moment after it was told.
            while playing.room.table.closes_at is None:
                table.time.ms += MERCY_MS
                await asyncio.sleep(TELL_S)
        epoch = await _place(database, idle)
        done = await table.does(epoch, "host", Spectate(id="watch", room=idle))
        table.time.ms += MERCY_MS
        row = await database.row("locate", rooms=[idle])
        while row is not None and row["name"] is not None:
            row = await database.row("locate", rooms=[idle])
        assert not any(loaded.id == idle for loaded in table.host.rooms.all())
        assert playing in table.host.rooms.all(), "as empty, and for longer, but a game is about to begin there"
        again = await _place(database, idle)
        assert again > epoch
        more = await table.does(again, "host", Chat(id="back", room=idle, text="here again"))
        assert more.seq > done.seq


async def test_a_room_at_rest_takes_less_and_is_the_same(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table:
        room = await open_room(database)
        epoch = await _place(database, room)
        for number in range(5):
            await table.does(epoch, "host", Chat(id=f"say {number}", room=room, text="as long as what is said is"))
        [loaded] = table.host.rooms.all()
        before = await table.view(epoch, "host", room)
        loaded.rest()
        assert loaded.projection is None
        assert await table.view(epoch, "host", room) == before
        done = await table.does(epoch, "host", Chat(id="back", room=room, text="here again"))
        _, update = table.published.messages[-1]
        assert (update.seq, update.patch, update.users) == (done.seq, b"", {}), "the views are known: nothing changed"
        assert [each["seq"] for each in (await table.view(epoch, "host", room))["recent"]][-1] == done.seq
        again = await table.does(epoch, "host", Chat(id="say 4", room=room, text="as long as what is said is"))
        assert again.seq == done.seq - 1, "it is remembered"


DAY_MS = 86_400_000


async def test_a_game_of_days_is_put_away_and_its_clock_runs_on(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is evicted while both are gone, looked at, put away again, and woken at its deadline."""
    monkeypatch.setattr("tavola.actors.host.host.IDLE_S", IDLE_S)
    monkeypatch.setattr(Timed, "rule", Correspondence(move_ms=3 * DAY_MS))
    time = Time()
    with having(Timed()):
        async with connected(database_url) as database:
            room = await open_room(database, "timed")
            async with hosting(database, "a", time) as table:
                epoch = await _place(database, room)
                await table.does(epoch, "ann", RequestJoin(id="join", room=room, display_name="Ann"))
                for seat, user in enumerate(("host", "ann")):
                    await table.does(epoch, user, TakeSeat(id="sit", room=room, seat_index=seat))
                time.ms += MERCY_MS
                [loaded] = table.host.rooms.all()
                await table.published.pulse.until(lambda: loaded.room.table.turn is not None)
                begun = loaded.room.table.turn
                assert begun is not None
                gone = ReportPresence(epoch, room, "edge", gone=(UserId("host"), UserId("ann")))
                assert await table.ask(gone) == Ok()
                await _pass_until_evicted(database, table, room, time)
                assert begun.deadline_ms - time() > 2 * DAY_MS, "it lies there for days"
                alarm = await _alarm_at(database, room)
                assert alarm == begun.deadline_ms
                time.ms += DAY_MS
                epoch = await _place(database, room)
                await table.does(epoch, "ann", Chat(id="look", room=room, text="still thinking?"))
                [loaded] = table.host.rooms.all()
                assert loaded.room.table.turn == begun, "a day has passed, and nothing of it is given back"
                assert await table.ask(ReportPresence(epoch, room, "edge", gone=(UserId("ann"),))) == Ok()
                await _pass_until_evicted(database, table, room, time)
                time.ms = begun.deadline_ms + 100
                epoch = await _place(database, room)
                await table.does(epoch, "ann", Chat(id="woken", room=room, text="?"))
                [woken] = table.host.rooms.all()
                await table.published.pulse.until(lambda: woken.room.table.turns > begun.number)


async def _alarm_at(database: Database, room: RoomId) -> int | None:
    connection = await database.take()
    try:
        at: int | None = await connection.fetchval("SELECT alarm_at FROM rooms WHERE id = $1", room)
        return at
    finally:
        await database.give_back(connection)


async def _pass_until_evicted(database: Database, table: Table, room: RoomId, time: Time) -> None:
    """Time passes, a little at a time, until nobody owns the room; all graces are over by then."""
    row = await database.row("locate", rooms=[room])
    while row is not None and row["name"] is not None:
        time.ms += MERCY_MS // 10
        row = await database.row("locate", rooms=[room])
    assert not table.host.rooms.all()
