"""Matchmaking on a real Postgres: whoever asks at once fills seats, on however many edges, and makes no more rooms."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import asyncpg

from kit.hosts import connected, hosting, open_room, place
from tavola.actors.errands.doing import here
from tavola.actors.wire.commands import RoomId, TakeSeat, UserId
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.view import RoomSummary
from tavola.edge.identity.auth import Identity
from tavola.edge.rest.lobby import Lobby
from tavola.edge.rest.matchmaker import Matchmaker
from tavola.storage.postgres import Database

GAME = "tictactoe"
SEATS = 2


def someone(number: int | str) -> Identity:
    return Identity(UserId(f"u_{number}"), f"Player {number}", 0)


def matchmaker(database: Database) -> Matchmaker:
    return Matchmaker(database, Lobby(database, here))


async def sent(
    matchmaker: Matchmaker, who: Identity, key: str | None = None, game: str = GAME, **options: Any
) -> RoomSummary:
    room = await matchmaker.match(game, options, who, key)
    assert isinstance(room, RoomSummary), room
    return room


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_twenty_at_once_on_two_edges_fill_seats(database_url: str) -> None:
    async with connected(database_url, most=4) as one, connected(database_url, most=4) as other:
        edges = [matchmaker(one), matchmaker(other)]
        rooms = await asyncio.gather(*(sent(edges[n % 2], someone(n), game="holdem") for n in range(20)))
        sent_to = Counter(room.id for room in rooms)
        assert sorted(sent_to.values()) == [2, 6, 6, 6], "seats are promised, one table after the other"
        assert {(room.approval, room.visibility) for room in rooms} == {("auto", "public")}
        again = await asyncio.gather(*(sent(edges[n % 2], someone(19 - n), game="holdem") for n in range(20)))
        assert [room.id for room in again] == [room.id for room in reversed(rooms)], "each keeps theirs"
        assert len((await Lobby(one, here).list(None, None, False, 100, None)).rooms) == 4


async def test_other_options_are_another_table(database_url: str) -> None:
    async with connected(database_url) as database:
        it = matchmaker(database)
        usual = await sent(it, someone(1))
        assert (await sent(it, someone(2), turn_seconds=20)).id == usual.id, "what is left out is as usual"
        assert (await sent(it, someone(3), turn_seconds=21)).id != usual.id
        assert (await sent(it, someone(1), game="holdem")).game == "holdem"
        for game, options, code in (("no_such_game", {}, "unknown_game"), (GAME, {"speed": 1}, "invalid_options")):
            no = await it.match(game, options, someone(1), None)
            assert isinstance(no, Refusal)
            assert no.code == code


async def test_a_room_that_is_not_for_all_is_no_match(database_url: str) -> None:
    async with connected(database_url) as database:
        it = matchmaker(database)
        room = (await sent(it, someone(1))).id
        await execute(database_url, "UPDATE matches SET expires_at = 0")
        before = await _standing(database, room)
        for change in (
            "settings = jsonb_set(settings::jsonb, '{visibility}', '\"private\"')",
            "settings = jsonb_set(settings::jsonb, '{approval}', '\"host\"')",
            "status = 'paused'",
            "status = 'closed'",
            "players = max_players",
        ):
            await execute(database_url, f"UPDATE rooms SET {change} WHERE id = '{room}'")
            other = (await sent(it, someone(change))).id
            assert other != room, change
            await execute(database_url, f"UPDATE rooms SET {before} WHERE id = '{room}'")
            await execute(database_url, f"DELETE FROM rooms WHERE id = '{other}'")
        for standing in ("kicked", "rejected"):
            await execute(
                database_url,
                f"INSERT INTO room_players (room_id, user_id, display_name, status, changed_at)"
                f" VALUES ('{room}', 'u_{standing}', 'X', '{standing}', 0)",
            )
            other = (await sent(it, someone(standing))).id
            assert other != room, standing
            await execute(database_url, f"DELETE FROM rooms WHERE id = '{other}'")
        assert (await sent(it, someone("fine"))).id == room


async def _standing(database: Database, room: str) -> str:
    row = await database.row("room_summary", room_id=room, code="")
    assert row is not None
    return ", ".join(f"{name} = $${row[name]}$$" for name in ("settings", "status", "players"))


async def test_a_promise_holds_until_it_is_kept_or_old(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table:
        it = matchmaker(database)
        room = await open_room(database, GAME)
        assert (await sent(it, someone(1))).id == (await sent(it, someone(2))).id == room
        third = (await sent(it, someone(3))).id
        assert third != room, "both seats are promised"
        await execute(database_url, "UPDATE matches SET expires_at = 0 WHERE user_id = 'u_1'")
        assert (await sent(it, someone(4))).id == room, "the first never came; of two alike the older room is filled"
        assert (await sent(it, someone(5))).id == third
        assert (await sent(it, someone(1))).id not in (room, third)

        epoch = await place(database, room)
        await table.does(epoch, "host", TakeSeat(id="sit", room=room, seat_index=0))
        assert (await sent(it, someone(6))).id != room, "one sits, and one is promised the other seat"
        assert (await sent(it, someone(2))).id == room


async def test_who_has_sat_down_is_counted_once(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table:
        it = matchmaker(database)
        host = Identity(UserId("host"), "Host", 0)
        room = RoomId((await sent(it, host)).id)
        epoch = await place(database, room)
        await table.does(epoch, "host", TakeSeat(id="sit", room=room, seat_index=0))
        assert (await sent(it, someone(2))).id == room
        assert (await sent(it, host)).id != room, "they sit there already, and ask for another seat"


async def test_the_same_request_is_the_same_room(database_url: str) -> None:
    async with connected(database_url, most=8) as database:
        edges = [matchmaker(database), matchmaker(database)]
        rooms = await asyncio.gather(*(sent(edges[n % 2], someone(1), "key") for n in range(6)))
        assert len({room.id for room in rooms}) == 1
        await execute(database_url, "UPDATE matches SET expires_at = expires_at - 60000")
        await execute(database_url, "UPDATE rooms SET players = max_players")
        assert (await sent(edges[0], someone(1), "key")).id == rooms[0].id, "long after"
        assert (await sent(edges[0], someone(1), "other key")).id != rooms[0].id
        assert (await sent(edges[0], someone(2), "key")).id != rooms[0].id, "a key is its user's"
