"""Presence, as a host minds it, on a fake clock: away, back, and nobody charged for what was our own downtime."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from kit.hosts import Table, chat, connected, hosting, open_room, place, stored
from kit.proxy import proxied
from tavola.actors.host.presence import EDGE_LOST_MS
from tavola.actors.room.clock import MERCY_MS
from tavola.actors.wire.commands import Epoch, LeaveSeat, Pause, RequestJoin, Resume, RoomId, Spectate, TakeSeat, UserId
from tavola.actors.wire.messages import Evict, Ok, ReportPresence
from tavola.config.limits import SILENT_MS
from tavola.storage.postgres import Database


@pytest.fixture(autouse=True)
def _ticks_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The things that must happen at once get no help from what happens now and then."""
    monkeypatch.setattr("tavola.actors.host.host.TICK_S", 3600.0)


class Room:
    """A room with two seated players, `host` and `ann`, and a spectator, `eve`: all on the edge `e1`."""

    def __init__(self, database: Database, table: Table, room: RoomId, epoch: Epoch) -> None:
        self.database, self.table, self.id, self.epoch = database, table, room, epoch

    async def opens(self) -> None:
        for user in ("ann", "eve"):
            await self.does(user, RequestJoin(id="join", room=self.id, display_name=user))
        for seat, user in enumerate(("host", "ann")):
            await self.does(user, TakeSeat(id="sit", room=self.id, seat_index=seat))
        await self.does("eve", Spectate(id="watch", room=self.id))

    async def does(self, user: str, command: Any) -> int:
        return (await self.table.does(self.epoch, user, command)).seq

    async def attend(self, here: str = "", gone: str = "", lately: str = "", edge: str = "e1") -> None:
        came, went = (tuple(UserId(user) for user in named.split()) for named in (here, gone))
        asked = tuple((UserId(user), SILENT_MS) for user in lately.split())
        assert await self.table.ask(ReportPresence(self.epoch, self.id, edge, came, went, asked)) == Ok()

    def passes(self, ms: int) -> None:
        """Time passes, and the host looks at what it has brought."""
        self.table.time.ms += ms
        self.table.host.presence.tick()

    async def settled(self) -> None:
        """All that was decided until now is committed: a later command is."""
        talk = f"talk {self.table.time.ms} {len(self.table.published.messages)}"
        await self.does("host", chat(self.id, talk))

    def told(self, *kinds: str) -> list[tuple[str, str]]:
        """The events of these kinds: kind and user."""
        events = [
            e for room, u in self.table.published.messages if room == self.id for e in msgspec.json.decode(u.events)
        ]
        return [(event["kind"], event["user_id"]) for event in events if event["kind"] in kinds]

    @property
    def absences(self) -> list[tuple[str, str]]:
        return self.told("player_away", "player_reconnected", "player_disconnected", "seat_freed")

    async def has(self, *absences: tuple[str, str]) -> None:
        await self.table.published.pulse.until(lambda: len(self.absences) >= len(absences))
        assert self.absences == list(absences)

    async def none(self) -> None:
        await self.settled()
        assert self.absences == []

    @property
    def presences(self) -> list[tuple[str, str]]:
        return [(p.user_id, p.status) for p in self.table.published.presences if p.room == self.id]


@asynccontextmanager
async def a_room(database: Database, name: str = "a") -> AsyncIterator[Room]:
    async with hosting(database, name) as table:
        id = await open_room(database)
        room = Room(database, table, id, await place(database, id))
        await room.attend("host ann eve")
        await room.opens()
        yield room


async def test_who_closes_his_last_socket_is_away_at_once_and_back_with_the_next(database_url: str) -> None:
    async with connected(database_url) as database, a_room(database) as room:
        await room.attend(gone="ann")
        await room.has(("player_away", "ann"))
        [row] = [r for r in await rows(database, "room_seats", room.id) if r["user_id"] == "ann"]
        assert (row["status"], row["away_since"]) == ("away", room.table.time.ms)
        await room.attend(gone="ann")
        await room.attend("ann", edge="e2")
        await room.has(("player_away", "ann"), ("player_reconnected", "ann"))
        await room.attend("ann", edge="e2")
        await room.settled()
        assert len(room.absences) == 2, "said again, it changes nothing"


async def test_two_edges_are_one_person(database_url: str) -> None:
    """The late clean-up of the old one does not throw out the new one."""

    async with connected(database_url) as database, a_room(database) as room:
        await room.attend("ann", edge="e2")
        await room.attend(gone="ann", edge="e1")
        await room.none()
        await room.attend("ann", edge="e1")
        await room.attend(gone="ann", edge="e1")
        await room.attend(gone="ann", edge="e3")
        await room.none()
        await room.attend(gone="ann", edge="e2")
        await room.has(("player_away", "ann"))


async def test_a_lost_edge_is_given_time(database_url: str) -> None:
    async with connected(database_url) as database, a_room(database) as room:
        room.table.host.presence.lost("e1")
        room.passes(EDGE_LOST_MS - 1)
        await room.attend("host", edge="e2")
        await room.none()
        room.passes(1)
        await room.has(("player_away", "ann"))
        room.passes(EDGE_LOST_MS)
        await room.settled()
        assert len(room.absences) == 1, "who came back in time is told of nowhere"


async def test_an_edge_that_comes_back_itself_says_it_again(database_url: str) -> None:
    async with connected(database_url) as database, a_room(database) as room:
        room.table.host.presence.lost("e1")
        await room.attend("host ann eve")
        room.passes(EDGE_LOST_MS + 1)
        await room.none()
        room.table.host.presence.lost("e2")
        room.passes(EDGE_LOST_MS + 1)
        await room.none()


async def test_who_is_not_announced_after_a_take_over_is_away(database_url: str) -> None:
    """The next actor knows of nobody, and waits before it believes that they are gone."""

    async with connected(database_url) as database, a_room(database) as first, hosting(database, "b") as table:
        room = Room(database, table, first.id, await place(database, first.id, avoid="a"))
        await room.attend("host eve")
        room.passes(MERCY_MS - 1)
        await room.none()
        room.passes(1)
        await room.has(("player_away", "ann"))
        await room.attend("ann")
        await room.has(("player_away", "ann"), ("player_reconnected", "ann"))


async def test_who_was_away_before_a_take_over_is_away_after_it(database_url: str) -> None:
    """That others are waited for does not bring them back, nor is their grace begun anew."""

    async with connected(database_url) as database, a_room(database) as first, hosting(database, "b") as table:
        await first.attend(gone="ann")
        await first.has(("player_away", "ann"))
        room = Room(database, table, first.id, await place(database, first.id, avoid="a"))
        await room.attend("host eve")
        for _ in range(3):
            room.passes(0)
        await room.none()
        room.passes(MERCY_MS)
        await room.none()
        await room.attend("ann")
        await room.has(("player_reconnected", "ann"))


async def test_a_room_that_is_dropped_is_loaded_under_a_new_epoch(database_url: str) -> None:
    """Edges see the new epoch, and announce everybody again."""

    async with connected(database_url) as database, a_room(database) as room:
        assert await room.table.ask(Evict(room.epoch, room.id)) == Ok()
        assert await room.table.rouse(room.epoch, room.id) == Ok()
        raised = (await stored(database, room.id))["epoch"]
        assert raised > room.epoch
        seq = (await stored(database, room.id))["seq"]
        [behind] = await database.rows("behind", rooms=[room.id], seqs=[seq], epochs=[room.epoch])
        assert behind["epoch"] == raised
        assert await database.rows("behind", rooms=[room.id], seqs=[seq], epochs=[raised]) == []


async def test_a_player_by_request_alone(database_url: str) -> None:
    """A player who sits down without a socket, and makes requests, is there for a while after each."""

    async with connected(database_url) as database, a_room(database) as room:
        await room.does("bob", RequestJoin(id="join", room=room.id, display_name="Bob"))
        await room.does("host", LeaveSeat(id="stand", room=room.id))
        await room.does("bob", TakeSeat(id="sit", room=room.id, seat_index=0))
        for _ in range(40):
            room.passes(0)
        room.passes(SILENT_MS - 1)
        await room.attend(lately="bob")
        room.passes(SILENT_MS - 1)
        await room.settled()
        assert room.told("player_away") == []
        room.passes(1)
        await room.table.published.pulse.until(lambda: room.told("player_away") == [("player_away", "bob")])

        # With a socket it is the socket that counts, and a request beside it means nothing.
        await room.attend(lately="bob")
        await room.attend("bob")
        await room.attend(lately="bob", edge="e2")
        await room.attend(gone="bob")
        await room.table.published.pulse.until(lambda: len(room.told("player_away")) == 2)


async def test_grace_runs_out_and_the_seat_is_freed(database_url: str) -> None:
    async with connected(database_url) as database, a_room(database) as room:
        await room.attend(gone="ann")
        away = [("player_away", "ann")]
        await room.has(*away)
        for kind in ("player_disconnected", "seat_freed"):
            room.table.time.ms += 300_000
            await room.table.rouse(room.epoch, room.id)
            away.append((kind, "ann"))
            await room.table.published.pulse.until(lambda: len(room.absences) == len(away))
        assert room.absences == away
        assert ("ann", "disconnected") in room.presences
        assert [r["user_id"] for r in await rows(database, "room_seats", room.id)] == ["host"]


async def test_absence_while_storage_is_away_is_told_when_it_is_back(database_url: str) -> None:
    async with (
        connected(database_url) as direct,
        proxied(database_url) as proxy,
        connected(proxy.url) as database,
        hosting(database, "a") as table,
    ):
        id = await open_room(direct)
        room = Room(database, table, id, await place(direct, id))
        await room.attend("host ann eve")
        await room.opens()
        for _ in range(2):
            # So that it is not this room's turn to be looked at.
            other = await open_room(direct)
            await table.rouse(await place(direct, other), other)
        table.host.presence.tick()
        proxy.go_away()
        table.reached.clear()
        await room.attend(gone="ann")
        await asyncio.wait_for(_tried(table), 10)
        assert room.absences == []
        proxy.come_back()
        await room.none()
        table.host.presence.tick()
        await room.has(("player_away", "ann"))
        assert proxy.refused


async def _tried(table: Table) -> None:
    while "commit.before" not in table.reached:
        await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.005)


async def test_those_inside_are_told_when_it_is_so(database_url: str) -> None:
    """Of a player when it is stored, of a spectator at once, of a guest never."""

    async with connected(database_url) as database, a_room(database) as room:
        await room.attend("gus")
        room.table.published.presences.clear()
        await room.attend(gone="ann")
        assert room.presences == [], "not before it is durable"
        await room.has(("player_away", "ann"))
        await room.attend("ann", gone="eve gus")
        await room.attend("eve gus")
        await room.has(("player_away", "ann"), ("player_reconnected", "ann"))
        assert sorted(room.presences) == [("ann", "active"), ("ann", "away"), ("eve", "active"), ("eve", "away")]


async def test_a_paused_room_notes_absence_and_its_clocks_stand(database_url: str) -> None:
    async with connected(database_url) as database, a_room(database) as room:
        await room.does("host", Pause(id="pause", room=room.id))
        await room.attend(gone="ann")
        await room.has(("player_away", "ann"))
        room.passes(3_600_000)
        await room.table.rouse(room.epoch, room.id)
        await room.settled()
        assert len(room.absences) == 1
        await room.does("host", Resume(id="resume", room=room.id))
        room.passes(299_999)
        await room.table.rouse(room.epoch, room.id)
        await room.settled()
        assert len(room.absences) == 1
        room.passes(1)
        await room.table.rouse(room.epoch, room.id)
        await room.has(("player_away", "ann"), ("player_disconnected", "ann"))


async def test_a_room_that_somebody_with_a_part_attends_is_not_evicted(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tavola.actors.host.host.IDLE_S", 0.1)

    async with connected(database_url) as database, hosting(database, "a") as table:
        ids = [await open_room(database) for _ in range(3)]
        watched, left, passed = [Room(database, table, id, await place(database, id)) for id in ids]
        for room in (watched, left):
            await room.attend("host")
        await left.attend(gone="host")
        await passed.attend("gus")
        passed.passes(MERCY_MS)
        for room in (left, passed):
            row = await database.row("locate", rooms=[room.id])
            while row is not None and row["name"] is not None:
                row = await database.row("locate", rooms=[room.id])
        assert [loaded.id for loaded in table.host.rooms.all()] == [watched.id]


async def rows(database: Database, name: str, room: RoomId) -> list[Any]:
    connection = await database.take()
    try:
        found: list[Any] = await connection.fetch(f"SELECT * FROM {name} WHERE room_id = $1", room)
        return found
    finally:
        await database.give_back(connection)
