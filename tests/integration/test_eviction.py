"""A room that nobody asks for is let go, and comes back when somebody does; one whose clock rings soon is kept."""

from __future__ import annotations

import pytest

from kit.hosts import connected, hosting, open_room
from tavola.actors.cluster.directory import Directory, Place
from tavola.actors.room.clock import MERCY_MS
from tavola.actors.wire.commands import Chat, Epoch, RequestJoin, RoomId, Spectate, TakeSeat, UserId
from tavola.actors.wire.messages import Ok, ReportPresence
from tavola.storage.postgres import Database

IDLE_S = 5.0
"""Longer than a game waits before it begins, or for a player who is away. Both rooms are empty: a tenth is enough."""


class NoStarter:
    async def start_actor(self) -> None:
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
        table.time.ms += MERCY_MS
        await table.published.pulse.until(lambda: playing.room.table.closes_at is not None)
        epoch = await _place(database, idle)
        done = await table.does(epoch, "host", Spectate(id="watch", room=idle))
        table.time.ms += MERCY_MS
        row = await database.row("locate", room_id=idle)
        while row is not None and row["name"] is not None:
            row = await database.row("locate", room_id=idle)
        assert not any(loaded.id == idle for loaded in table.host.rooms.all())
        assert playing in table.host.rooms.all(), "as empty, and for longer, but a game is about to begin there"
        again = await _place(database, idle)
        assert again > epoch
        more = await table.does(again, "host", Chat(id="back", room=idle, text="here again"))
        assert more.seq > done.seq
