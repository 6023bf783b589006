"""Members who go and rooms that end, on a real host and in real rows, on a fake clock; and how the lobby ranks them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kit.hosts import Table, connected, hosting, open_room, place
from kit.rooms import START_MS
from tavola.actors.cluster.steward import OVERDUE_MS
from tavola.actors.errands.doing import here
from tavola.actors.host.presence import ROUND_TICKS
from tavola.actors.room.clock import MERCY_MS
from tavola.actors.wire.commands import Epoch, RequestJoin, RoomId, Spectate, TakeSeat, UserId
from tavola.actors.wire.messages import Ok, ReportPresence
from tavola.actors.wire.settings import RoomWish
from tavola.actors.wire.view import RoomSummary
from tavola.edge.identity.auth import Identity
from tavola.edge.rest.lobby import Lobby
from tavola.storage.postgres import Database

LEAVES_MS, EMPTY_MS = 600_000, 1_800_000


@pytest.fixture(autouse=True)
def _ticks_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tavola.actors.host.host.TICK_S", 3600.0)


async def attends(table: Table, epoch: Epoch, room: RoomId, here: str = "", gone: str = "") -> None:
    came, went = (tuple(UserId(user) for user in named.split()) for named in (here, gone))
    assert await table.ask(ReportPresence(epoch, room, "e1", came, went)) == Ok()


async def looked_at(table: Table, room: RoomId) -> None:
    """The host looks at all that it has, until nothing comes of it any more."""
    before = -1
    while before != len(table.published.messages):
        before = len(table.published.messages)
        for _ in range(ROUND_TICKS + 1):
            table.host.presence.tick()
        await settled(table, room)


async def settled(table: Table, room: RoomId) -> None:
    """Nothing is under way for the room; one that was let go meanwhile had nothing."""
    await table.published.pulse.until(
        lambda: not any(loaded.waiting for loaded in table.host.rooms.all() if loaded.id == room)
    )


async def rung(table: Table, epoch: Epoch, room: RoomId, ms: int) -> None:
    table.time.ms += ms
    shown = len(table.published.messages)
    await table.rouse(epoch, room)
    await table.published.pulse.until(lambda: len(table.published.messages) > shown)


async def asleep(table: Table, database: Database, room: RoomId) -> None:
    """Nothing is due for long, and nobody is there: the room is let go."""
    while (row := await database.row("locate", rooms=[room])) is not None and row["name"] is not None:
        pass
    assert table.host.rooms.all() == []


def events(table: Table, room: RoomId) -> list[str]:
    """The kinds of all that everybody was told."""
    told = [msgspec.json.decode(update.events) for where, update in table.published.messages if where == room]
    return [event["kind"] for events in told for event in events or ()]


async def rows(database: Database, query: str, *values: Any) -> list[Any]:
    connection = await database.take()
    try:
        found: list[Any] = await connection.fetch(query, *values)
        return found
    finally:
        await database.give_back(connection)


async def summary(database: Database, room: RoomId) -> Any:
    [row] = await rows(database, "SELECT * FROM rooms WHERE id = $1", room)
    return row


async def watching(table: Table, database: Database, epoch: Epoch, room: RoomId) -> None:
    await attends(table, epoch, room, "host eve")
    await table.does(epoch, "eve", RequestJoin(id="join", room=room, display_name="Eve"))
    await table.does(epoch, "eve", Spectate(id="watch", room=room))
    await looked_at(table, room)


async def test_a_spectator_without_a_socket_leaves_and_everybody_sees_it_coming(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table:
        room = await open_room(database)
        epoch = await place(database, room)
        await watching(table, database, epoch, room)
        await attends(table, epoch, room, gone="eve")
        await looked_at(table, room)
        view = await table.view(epoch, "host", room)
        assert view["watching"] == {"eve": {"display_name": "Eve", "status": "away"}}
        [eve] = [row for row in await database.rows("members", room_id=room) if row["user_id"] == "eve"]
        assert (eve["standing"], eve["status"], eve["watching"]) == ("approved", "away", True)
        [listed] = await database.rows("spectators", room_id=room)
        assert listed["status"] == "away"
        await rung(table, epoch, room, LEAVES_MS)
        assert await rows(database, "SELECT FROM room_spectators WHERE room_id = $1", room) == []
        assert (await table.view(epoch, "host", room))["spectators"] == 0


async def test_an_absence_goes_on_in_the_next_actor_with_time_to_come_back(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table, hosting(database, "b") as other:
        room = await open_room(database)
        epoch = await place(database, room)
        await watching(table, database, epoch, room)
        await attends(table, epoch, room, gone="eve")
        await looked_at(table, room)
        other.time.ms = table.time.ms + LEAVES_MS
        moved = await place(database, room, avoid="a")
        await attends(other, moved, room, "host")
        await looked_at(other, room)
        assert "eve" in (await other.view(moved, "host", room))["watching"]
        await rung(other, moved, room, MERCY_MS)
        assert "eve" not in (await other.view(moved, "host", room))["watching"]


async def test_the_hosts_part_passes_to_nobody_whose_seat_was_freed_for_being_gone(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table:
        room = await open_room(database)
        epoch = await place(database, room)
        await watching(table, database, epoch, room)
        await table.does(epoch, "eve", TakeSeat(id="sit", room=room, seat_index=0))
        await attends(table, epoch, room, gone="host eve")
        table.time.ms += MERCY_MS
        await looked_at(table, room)
        await rung(table, epoch, room, LEAVES_MS)
        await table.published.pulse.until(lambda: "seat_freed" in events(table, room))
        await settled(table, room)
        await table.rouse(epoch, room)
        await settled(table, room)
        assert (await summary(database, room))["present"] == 0
        assert "host_changed" not in events(table, room)


async def test_a_room_where_nobody_is_sleeps_and_is_roused_to_close(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tavola.actors.host.host.IDLE_S", 5.0)  # a tenth of it, as soon as nobody is there
    async with connected(database_url) as database, hosting(database, "a") as table:
        room = await open_room(database)
        epoch = await place(database, room)
        await watching(table, database, epoch, room)
        assert (await summary(database, room))["present"] == 2
        await attends(table, epoch, room, gone="host eve")
        table.time.ms += MERCY_MS
        await looked_at(table, room)
        kept = await summary(database, room)
        assert (kept["present"], kept["alarm_at"]) == (0, table.time.ms + LEAVES_MS)
        await asleep(table, database, room)
        while (kept := await summary(database, room))["status"] != "closed":
            table.time.ms = max(table.time.ms, kept["alarm_at"] + OVERDUE_MS + 1)
            due = await database.rows("overdue", before=table.time.ms - OVERDUE_MS, most=10, quiet=True)
            assert [row["id"] for row in due] == [room], "the steward would have it loaded"
            again = await place(database, room)
            await table.rouse(again, room)
            await rung(table, again, room, MERCY_MS)
            await looked_at(table, room)
            await asleep(table, database, room)
        assert kept["closed_at"] - START_MS >= EMPTY_MS
        closed = [u for where, u in table.published.messages if where == room and b'"reason":"empty"' in u.events]
        assert len(closed) == 1


async def test_a_room_to_which_nobody_comes_has_an_alarm_from_the_start(database_url: str) -> None:
    async with connected(database_url) as database:
        lobby = Lobby(database, here, empty_ms=EMPTY_MS)
        host = Identity(UserId("ann"), "Ann", 2**53)
        made = await lobby.open(RoomWish("tictactoe", approval="auto"), host, None)
        own = await lobby.open(RoomWish("tictactoe", approval="auto", empty_minutes=600), host, None)
        for summary, ms in ((made, EMPTY_MS), (own, 36_000_000)):
            assert isinstance(summary, RoomSummary)
            [row] = await rows(
                database, "SELECT alarm_at - created_at AS ms, present FROM rooms WHERE id = $1", summary.id
            )
            assert (row["ms"], row["present"]) == (ms, 0)
        before = await open_room(database)
        found = [row["id"] for row in await database.rows("unminded", created_at=0, after="", most=10)]
        assert found == [before], "rooms from before have none, and are asked after"


async def test_the_lobby_has_people_first_then_activity_and_pages_give_each_room_once(database_url: str) -> None:
    async with connected(database_url) as database:
        rooms = [await open_room(database) for _ in range(9)]
        for number, room in enumerate(rooms):
            present, active = number % 3, START_MS + number % 4
            await rows(database, "UPDATE rooms SET present = $2, active_at = $3 WHERE id = $1", room, present, active)
        lobby, given, cursor = Lobby(database, here), list[Any](), None
        while True:
            page = await lobby.list(None, None, False, 2, cursor)
            given += page.rooms
            if (cursor := page.next_cursor) is None:
                break
        rank = [(summary.present > 0, summary.active_at, summary.id) for summary in given]
        assert rank == sorted(rank, reverse=True)
        assert sorted(summary.id for summary in given) == sorted(rooms)
        for bad in ("7", "1~x~r", "2~1~r", "1~1~", "1~-1~r"):
            with pytest.raises(ValueError, match=r"."):
                await lobby.list(None, None, False, 2, bad)


async def test_quick_seating_prefers_a_table_with_people(database_url: str) -> None:
    async with connected(database_url) as database:
        empty, peopled = await open_room(database), await open_room(database)
        for room, players, present in ((empty, 1, 0), (peopled, 0, 1)):
            await rows(database, "UPDATE rooms SET players = $2, present = $3 WHERE id = $1", room, players, present)
        [row] = await rows(database, "SELECT game, options FROM rooms WHERE id = $1", empty)
        seat = {"user_id": "zoe", "at": START_MS, "game": row["game"], "options": row["options"]}
        [found] = await database.rows("match_room", **seat)
        assert found["room_id"] == peopled


async def test_the_steward_walks_through_the_unminded(database_url: str) -> None:
    async with connected(database_url) as database:
        rooms = [await open_room(database) for _ in range(3)]
        walked: list[str] = []
        after = (0, "")
        while found := await database.rows("unminded", created_at=after[0], after=after[1], most=2):
            walked += [row["id"] for row in found]
            after = (found[-1]["created_at"], found[-1]["id"])
        assert walked == sorted(rooms), "all were opened in one millisecond"
