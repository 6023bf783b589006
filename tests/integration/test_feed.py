"""The feed on a real Postgres: every update once the reader may see it, each room's in order, from any place on; and
nobody's secrets."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from kit.hosts import Table, connected, hosting, open_room, place
from tavola.actors.wire.commands import Chat, Epoch, RoomId
from tavola.edge.feed import cursor as cursors
from tavola.edge.feed import reader
from tavola.edge.feed.cursor import Cursor
from tavola.storage.postgres import Database


class Follower:
    """A reader of the feed, who remembers what they were told of each room."""

    def __init__(self, database: Database, cursor: Cursor | None = None, game: str | None = None) -> None:
        self._database = database
        self.cursor, self.game = cursor or Cursor(), game
        self.told: list[tuple[str, int]] = []

    async def page(self, most: int = 1000) -> list[tuple[str, int]]:
        """One page. Its cursor goes out as text, and comes back so."""
        found = await reader.read(self._database, self.cursor, self.game, most)
        back = cursors.read(found.cursor.text())
        assert back == found.cursor
        self.cursor = back
        told = [(row["room_id"], row["seq"]) for row, _ in found.rows]
        self.told += told
        self.more = found.more
        return told

    async def catch_up(self, most: int = 1000) -> list[tuple[str, int]]:
        told = await self.page(most)
        while self.more:
            told += await self.page(most)
        return told

    def of(self, room: str) -> list[int]:
        return [seq for where, seq in self.told if where == room]


class Rooms:
    """Rooms of one host, in which people talk."""

    def __init__(self, database: Database, table: Table) -> None:
        self.database, self.table = database, table
        self.epochs: dict[RoomId, Epoch] = {}
        self.said: dict[str, int] = {}
        self._ids = 0

    async def opens(self, game: str = "tictactoe") -> RoomId:
        room = await open_room(self.database, game)
        self.epochs[room] = await place(self.database, room)
        await self.talk(room)
        return room

    async def does(self, room: RoomId, kind: Any, user: str = "host", **fields: Any) -> int:
        self._ids += 1
        done = await self.table.does(self.epochs[room], user, kind(id=f"c{self._ids}", room=room, **fields))
        self.said[room] = done.seq
        return done.seq

    async def talk(self, room: RoomId, times: int = 1) -> None:
        for _ in range(times):
            await self.does(room, Chat, text="Hello.")


@asynccontextmanager
async def rooms(database_url: str) -> AsyncIterator[Rooms]:
    async with connected(database_url, most=8) as database, hosting(database, "a") as table:
        yield Rooms(database, table)


def numbers(last: int, first: int = 1) -> list[int]:
    return list(range(first, last + 1))


@pytest.mark.parametrize("most", [1, 3, 1000])
async def test_every_update_once_in_pages_of_any_size(database_url: str, most: int) -> None:
    async with rooms(database_url) as r:
        opened = [await r.opens() for _ in range(4)]
        follower = Follower(r.database)
        for room in (*opened, *opened, opened[0]):
            await r.talk(room, 2)
        assert await follower.page(most)
        for room in opened:  # in the middle of a window
            await r.talk(room)
        await follower.catch_up(most)
        for room in opened:
            assert follower.of(room) == numbers(r.said[room])
        assert await follower.catch_up(most) == []
        place = follower.cursor
        assert await follower.catch_up(most) == []
        assert follower.cursor == place, "a place changes with what was told, and not by looking"
        await r.talk(opened[2])
        assert await follower.catch_up(most) == [(opened[2], r.said[opened[2]])]


async def test_a_commit_that_is_late_is_not_passed_over(database_url: str) -> None:
    """A transaction that writes a room first is held open while others commit, and many pages are read."""
    async with rooms(database_url) as r:
        late, other = await r.opens(), await r.opens()
        follower = Follower(r.database)
        await follower.catch_up()
        holder = await asyncpg.connect(database_url, ssl=False)
        try:
            async with holder.transaction():
                await holder.execute("SELECT pg_current_xact_id()")
                await _write(holder, late, 2)
                for seq in (2, 3, 4):
                    await r.talk(other)
                    assert await follower.catch_up() == [(other, seq)], "nobody waits for the one that is open"
            assert await follower.catch_up() == [(late, 2)]
        finally:
            await holder.close()
        assert await follower.catch_up() == []


async def test_commits_in_any_order(database_url: str) -> None:
    """Many transactions at once, that begin, write several rooms, and end, or come to nothing, in an order drawn by
    lot; pages are read between."""
    draw = random.Random(20)
    async with rooms(database_url) as r:
        ids = [await r.opens() for _ in range(6)]
        seqs = dict.fromkeys(ids, 1)
        follower = Follower(r.database)
        await follower.page(4)
        free = [await asyncpg.connect(database_url, ssl=False) for _ in range(4)]
        every = list(free)
        busy: list[tuple[Any, Any, list[RoomId]]] = []
        undone = late = 0
        try:
            for _ in range(300):
                held = {room for *_, mine in busy for room in mine}
                if free and draw.random() < 0.5:
                    connection = free.pop()
                    transaction = connection.transaction()
                    await transaction.start()
                    mine = draw.sample([room for room in ids if room not in held], k=draw.randint(0, 1))
                    for room in mine:
                        await _write(connection, room, seqs[room] + 1)
                    busy.append((connection, transaction, mine))
                elif busy:
                    number = draw.randrange(len(busy))
                    late += number < len(busy) - 1
                    connection, transaction, mine = busy.pop(number)
                    if draw.random() < 0.2:
                        await transaction.rollback()
                        undone += bool(mine)
                    else:
                        await transaction.commit()
                        for room in mine:
                            seqs[room] += 1
                    free.append(connection)
                if draw.random() < 0.7:
                    await follower.page(draw.choice([1, 2, 100]))
            for _, transaction, _ in busy:
                await transaction.rollback()
        finally:
            for connection in every:
                await connection.close()
        await follower.catch_up()
        assert {room: follower.of(room) for room in ids} == {room: numbers(last) for room, last in seqs.items()}
        assert undone > 5, "some came to nothing"
        assert late > 20, "some that began first ended last"


async def _write(connection: Any, room: str, seq: int) -> None:
    """What a commit does, as far as the feed knows it."""
    done = await connection.execute(
        "UPDATE game_states SET seq = $2, checksum = state_checksum($2, state) WHERE room_id = $1 AND seq = $2 - 1",
        room,
        seq,
    )
    assert done == "UPDATE 1"
    await connection.execute(
        "INSERT INTO log (seq, epoch, at, room_id, user_id, command_id, entropy, body)"
        " VALUES ($2, 1, 1700000000000, $1, '', 'x', '', '\\x00')",
        room,
        seq,
    )
