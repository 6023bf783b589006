"""A database that an older commit made, with a hand of hold'em under way: today's code migrates it and plays on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from kit.damage import execute
from kit.hosts import Table, Time, connected, hosting, log_of, place
from tavola.actors.errands.doing import here
from tavola.actors.past.replay import replay
from tavola.actors.room.codec import restore, room_of
from tavola.actors.room.state import Room
from tavola.actors.wire.commands import Act, Epoch, RoomId, UpdateSettings
from tavola.edge.rest.lobby import Lobby
from tavola.stack.embedded_roles import ROLE
from tavola.storage.migrate import migrate
from tavola.storage.postgres import Database

DUMP = Path(__file__).with_name("f2a8251.sql")
ROOM, PRIVATE = RoomId("r_0000000000000001"), RoomId("r_0000000000000002")
NOW_MS = 1_760_000_006_400
"""When the old host wrote last."""

# As the old host showed them last.
LAST_SEQ = 25
CARDS = {"host": ["Ks", "Ah"], "ann": ["4s", "9d"], "bob": ["9h", "6s"]}
BOARD = ["Ts", "9c", "7d"]
TURN = {"number": 7, "seat_index": 0, "deadline_ms": 1_760_000_046_400, "timebank_ms": 30_000}
COMMITMENT = "1aa9002ea2849efb5e0d5c330dcf8d5062666cb1b877864e2d497c500a9082d5"
SUMMARY = {
    "id": ROOM,
    "code": "C00001",
    "name": "The old table",
    "game": "holdem",
    "status": "playing",
    "host_id": "host",
    "approval": "host",
    "visibility": "public",
    "options": {
        "seats": 6,
        "small_blind": 5,
        "big_blind": 10,
        "ante": 0,
        "min_buy_in": 400,
        "max_buy_in": 2000,
        "turn_seconds": 40,
        "timebank_seconds": 30,
        "timebank_refill_seconds": 5,
        "next_hand_seconds": 3,
        "auto_start": True,
    },
    "players": 3,
    "max_players": 6,
    "max_spectators": 7,
    "empty_minutes": 0,
}


@pytest.fixture
def old_url(postgres_server: str, superuser_url: str) -> Iterator[str]:
    """The old database, as it was left."""
    url = postgres_server.rpartition("/")[0] + "/f2a8251"
    asyncio.run(_execute(superuser_url, f"CREATE DATABASE f2a8251 OWNER {ROLE}"))
    asyncio.run(_execute(url, DUMP.read_text()))
    yield url
    asyncio.run(_execute(superuser_url, "DROP DATABASE f2a8251 WITH (FORCE)"))


async def _execute(url: str, statements: str) -> None:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


async def test_an_old_database_goes_on_with_the_same_hand(old_url: str) -> None:
    applied = await migrate(old_url)
    assert applied[0] == "0004_secrets.sql", "it had those before"
    async with connected(old_url) as database, hosting(database, "today", _now()) as table:
        assert [row["seq"] for row in await log_of(database, ROOM)] == list(range(1, LAST_SEQ + 1))
        epoch = await place(database, ROOM)
        for user, cards in CARDS.items():
            view = await table.view(epoch, user, ROOM)
            assert (view["room"], view["turn"]) == (SUMMARY, TURN)
            assert (view["me"]["hole_cards"], _hand(view)["board"]) == (cards, BOARD)
            assert (_hand(view)["number"], _hand(view)["commitment"]) == (2, COMMITMENT)
        asked = (await table.view(epoch, "host", ROOM))["pending_requests"]
        assert [(request["user_id"], request["display_name"]) for request in asked] == [("dora", "Name-dora")]
        assert (await table.view(epoch, "carl", ROOM))["me"]["role"] == "spectator"
        await _play_to_the_end(table, epoch)
        await table.does(epoch, "host", _settings(ROOM, {"name": "The new table", "max_spectators": 8}))
        assert await _replayed(database, ROOM) == await _loaded(database, ROOM)
        rows = await execute(old_url, "SELECT record FROM hands WHERE number < 3 ORDER BY number")
        before, ended = (msgspec.json.decode(row["record"]) for row in rows)
        assert (before["winners"], before["board"]) == ([{"seat_index": 4, "amount": 10}], [])
        assert (ended["commitment"], ended["board"][:3]) == (COMMITMENT, BOARD), "all is in the game's own record"


async def test_what_an_old_database_says_of_its_rooms_is_the_same(old_url: str) -> None:
    await migrate(old_url)
    async with connected(old_url) as database, hosting(database, "today", _now()) as table:
        lobby = Lobby(database, here)
        page = await lobby.list("holdem", "playing", True, 10, None)
        assert [room.id for room in page.rooms] == [ROOM], "the other one is private"
        listed = {name: getattr(page.rooms[0], name) for name in SUMMARY}
        listed["options"] = {name: option for name, option in listed["options"].items() if option is not None}
        assert (listed, page.rooms[0].spectators) == (SUMMARY, 1)
        assert await lobby.find("C00002") == (PRIVATE, True)
        info = (await _loaded(database, PRIVATE)).info
        assert (info.name, info.approval, info.visibility, info.max_spectators) == ("Just us", "host", "private", 100)
        epoch = await place(database, PRIVATE)
        await table.does(epoch, "host", _settings(PRIVATE, {"visibility": "public", "approval": "auto"}))
        page = await lobby.list("tictactoe", None, False, 10, None)
        assert [(room.id, room.name, room.approval) for room in page.rooms] == [(PRIVATE, "Just us", "auto")]
        assert await _replayed(database, PRIVATE) == await _loaded(database, PRIVATE)


async def _play_to_the_end(table: Table, epoch: Epoch) -> None:
    """Everybody checks until the hand is over."""
    players, moves = {0: "host", 2: "ann", 4: "bob"}, 0
    while "turn" in (view := await table.view(epoch, "carl", ROOM)):
        turn, moves = view["turn"], moves + 1
        id = f"new {moves}"
        await table.does(
            epoch, players[turn["seat_index"]], Act(id=id, room=ROOM, move="check", turn=turn["number"], arguments={})
        )
    assert moves == 2 + 3 + 3, "two on the flop, three on the turn, three on the river"
    assert (_hand(view)["number"], _hand(view)["board"][:3]) == (2, BOARD)
    assert sum(seat["chips"] for seat in view["seats"].values()) == 3000


async def _replayed(database: Database, room: RoomId) -> Room:
    """The room as its whole log makes it, from its opening on; nothing in it comes out otherwise."""
    first = await database.row("checkpoint_first", room_id=room)
    assert first is not None
    assert first["seq"] == 0
    outcome = replay(restore(first["state"]), await log_of(database, room))
    assert isinstance(outcome, Room), outcome
    return outcome


async def _loaded(database: Database, room: RoomId) -> Room:
    row = await database.row("load_room", rooms=[room])
    assert row is not None
    return room_of(row)


def _now() -> Time:
    time = Time()
    time.ms = NOW_MS
    return time


def _hand(view: dict[str, Any]) -> dict[str, Any]:
    hand: dict[str, Any] = view["game"]["hand"]
    return hand


def _settings(room: RoomId, settings: dict[str, Any]) -> UpdateSettings:
    return UpdateSettings(id="settings", room=room, settings=settings)
