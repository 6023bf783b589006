"""The feed on a real Postgres: every update once the reader may see it, each room's in order, from any place on; and
nobody's secrets."""

from __future__ import annotations

import random
from typing import Any

import asyncpg
import msgspec
import pytest

from kit.backends import Backend, backend
from kit.doors import Doors, Json, doors
from kit.talk import rooms
from tavola.actors.wire.commands import RoomId
from tavola.edge.feed import cursor as cursors
from tavola.edge.feed import reader
from tavola.edge.feed.cursor import Cursor, Seen, seen
from tavola.edge.feed.updates import fed
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
    """A commit, as far as the feed knows one."""
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


async def test_rows_that_are_rewritten_meanwhile(database_url: str) -> None:
    """Talk is cleared, or somebody is forgotten, in rows that were told, and in rows that were not."""
    async with rooms(database_url) as r:
        quiet, busy = await r.opens(), await r.opens()
        follower = Follower(r.database)
        await r.talk(quiet, 3)
        await r.talk(busy, 3)
        assert await follower.page(1) == [(min(quiet, busy), 1)], "in the middle of a window"
        await _rewrite(database_url, quiet, 4)
        await _rewrite(database_url, busy, 4)
        await r.talk(busy)
        await follower.catch_up(2)
        assert sorted(set(follower.of(quiet))) == numbers(4)
        assert _in_order(follower.of(busy)) == numbers(5)
        await _rewrite(database_url, quiet, 4)
        await _rewrite(database_url, busy, 5)
        told = len(follower.told)
        await r.talk(quiet, 2)
        await r.talk(busy, 2)
        await follower.catch_up()
        assert [seq for room, seq in follower.told[told:] if room == quiet] in ([5, 6], [4, 5, 6])
        assert [seq for room, seq in follower.told[told:] if room == busy] in ([6, 7], [5, 6, 7])


def _in_order(seqs: list[int]) -> list[int]:
    """Without what came again."""
    return [seq for number, seq in enumerate(seqs) if seq > max(seqs[:number], default=0)]


async def _rewrite(url: str, room: str, seq: int) -> None:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        done = await connection.execute("UPDATE log SET versions = versions WHERE room_id = $1 AND seq = $2", room, seq)
        assert done == "UPDATE 1"
    finally:
        await connection.close()


async def test_a_room_that_is_removed_in_the_middle(database_url: str) -> None:
    async with rooms(database_url) as r:
        first, gone, last = sorted([await r.opens() for _ in range(3)])
        for room in (first, gone, last):
            await r.talk(room, 2)
        follower = Follower(r.database)
        assert await follower.page(4) == [(first, 1), (first, 2), (first, 3), (gone, 1)]
        connection = await asyncpg.connect(database_url, ssl=False)
        await connection.execute("DELETE FROM log WHERE room_id = $1", gone)
        await connection.execute("DELETE FROM game_states WHERE room_id = $1", gone)
        await connection.close()
        assert await follower.catch_up(4) == [(last, 1), (last, 2), (last, 3)]


async def test_days_that_are_gone(database_url: str) -> None:
    """A long room whose first days the log has no more: what there is, in order, and no page is looked for in vain."""
    async with rooms(database_url) as r:
        room = await r.opens()
        await r.talk(room, 150)
        follower = Follower(r.database)
        connection = await asyncpg.connect(database_url, ssl=False)
        await connection.execute("DELETE FROM log WHERE room_id = $1 AND seq <= 100", room)
        await connection.close()
        await follower.catch_up(20)
        assert follower.of(room) == numbers(151, 101)
        await r.talk(room, 140)
        assert await follower.catch_up() == [(room, seq) for seq in numbers(291, 152)]


async def test_of_one_game_alone(database_url: str) -> None:
    async with rooms(database_url) as r:
        room, other = await r.opens(), await r.opens("holdem")
        follower = Follower(r.database, game="holdem")
        assert await follower.catch_up() == [(other, 1)]
        await r.talk(room)
        assert await follower.catch_up() == []
        await r.talk(other)
        assert await follower.catch_up() == [(other, 2)]


async def test_from_now_on(database_url: str) -> None:
    async with rooms(database_url) as r:
        room = await r.opens()
        follower = Follower(r.database, await reader.newest(r.database))
        assert await follower.catch_up() == []
        await r.talk(room)
        assert await follower.catch_up() == [(room, 2)]


async def test_another_database(database_url: str) -> None:
    """After a failover or a restore the numbers of transactions say nothing: an hour is told again, by the updates' own
    times."""
    async with rooms(database_url) as r:
        long_ago, lately = await r.opens(), await r.opens()
        now = r.table.time.ms
        r.table.time.ms = now + cursors.OVERLAP_MS
        await r.talk(lately, 2)
        follower = Follower(r.database)
        await follower.catch_up()
        moved = msgspec.structs.replace(follower.cursor, here="elsewhere", at=now + cursors.OVERLAP_MS + 1)
        again = Follower(r.database, moved)
        assert await again.catch_up(1) == [(lately, 2), (lately, 3)]
        await r.talk(long_ago)
        assert await again.catch_up() == [(long_ago, 2)]
        middle = Follower(r.database)
        assert await middle.page(1)
        middle.cursor = msgspec.structs.replace(middle.cursor, here="elsewhere")
        assert len(await middle.catch_up()) == 5, "of whom nothing is known"


def test_transactions_after_the_last_that_wrote() -> None:
    """After a crash of Postgres their numbers are given again, so they count as not seen."""
    assert seen("10:20:10,15,18", 16) == Seen(17, (10, 15))
    assert seen("10:20:", 30) == Seen(20)


@pytest.mark.parametrize("text", ["", "x", "W10", "!!!", "a" * 9000, "WyIiLFstMSxbXV1d"])
def test_what_is_no_cursor(text: str) -> None:
    found = cursors.read(text)
    assert found is None or found == Cursor()


HIDDEN = {"game": "holdem", "visibility": "private", "approval": "auto", "options": {"auto_start": False}}


async def test_spectators_see_it_so(database_url: str, redis_url: str) -> None:
    """With `feed` what a spectator was shown, and no more: no card in a hand, no code. With `log` all but what was
    hidden from everybody."""
    async with doors(database_url, redis_url) as d:
        ann, bob, sue = d.person("Ann"), d.person("Bob"), d.person("Sue")
        room = await d.ok("POST", "/api/rooms", ann, HIDDEN)
        await _enters(d, room, bob, sue)
        watching = await d.socket(sue)
        await watching.joins(room["id"])
        before = len(watching.payloads)
        for seat, person in enumerate((ann, bob)):
            await d.ok("POST", f"/api/rooms/{room['id']}/seat", person, {"seat_index": seat, "buy_in": 1000})
        await d.ok("POST", f"/api/rooms/{room['id']}/start", ann, {})
        hands = [await _cards(d, room["id"], person) for person in (ann, bob)]
        turn = (await d.ok("GET", f"/api/rooms/{room['id']}/hydrate", ann))["turn"]["seat_index"]
        await d.ok("POST", f"/api/rooms/{room['id']}/actions", (ann, bob)[turn], {"move": "fold"})
        seq = (await d.log(room["id"]))[-1]["seq"]
        await watching.hears(lambda frame: frame["type"] == "update" and frame["seq"] == seq)

        spectator = await backend(d, "feed", name="spectator")
        page = await spectator.ok("GET", "/api/feed")
        told = {each["seq"]: each for each in page["events"]}
        assert [each["seq"] for each in page["events"]] == numbers(seq)
        for frame in watching.payloads[before:]:
            if frame["type"] == "update":
                shown = told[frame["seq"]]
                assert {name: shown.get(name) for name in frame if name != "type"} == {
                    name: value for name, value in frame.items() if name != "type"
                }
        text = msgspec.json.encode(page).decode()
        assert room["code"] not in text
        cards = [card for hand in hands for card in hand]
        assert len(cards) == 4
        assert not any(f'"{card}"' in text for card in cards)
        assert not {"user_id", "command", "private"} & set(page["events"][-1])

        auditor = await backend(d, "feed", "log", name="auditor")
        whole = await auditor.ok("GET", "/api/feed?game=holdem")
        text = msgspec.json.encode(whole).decode()
        assert all(f'"{card}"' in text for card in cards)
        assert whole["events"][-1]["command"]["move"] == "fold"
        assert "entropy" not in text
        dealt = next(each for each in whole["events"] if each["command"]["type"] == "start")
        assert set(dealt["private"]) == {ann.user, bob.user}
        assert (await auditor.ok("GET", f"/api/feed?after={whole['next']}"))["events"] == []
        assert (await auditor.ok("GET", "/api/feed?game=tictactoe"))["events"] == []


async def _enters(d: Doors, room: Json, bob: Any, sue: Any) -> None:
    await d.ok("POST", f"/api/rooms/{room['code']}/join", bob, {"display_name": "Bob"})
    await d.ok("POST", f"/api/rooms/{room['code']}/join", sue, {"display_name": "Sue"})
    await d.ok("POST", f"/api/rooms/{room['id']}/spectate", sue, {})


async def _cards(d: Doors, room: str, person: Any) -> list[str]:
    cards: list[str] = (await d.ok("GET", f"/api/rooms/{room}/hydrate", person))["me"]["hole_cards"]
    return cards


async def test_it_is_for_servers_with_that_scope(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as d:
        other: Backend = await backend(d, "read", "log", "act", "manage", name="other")
        assert await other.refused("GET", "/api/feed") == "forbidden"
        assert await other.refused("GET", "/api/feed", user="ann") == "forbidden"
        assert (await d.ask("GET", "/api/feed"))[0] == 401
        assert (await d.ask("GET", "/api/feed", d.person("Ann")))[0] in (401, 403)
        own = await backend(d, "feed", name="own")
        assert await own.refused("GET", "/api/feed?after=nonsense") == "invalid_message"
        assert await own.refused("GET", "/api/feed?limit=1001") == "invalid_message"
        assert (await own.ok("GET", "/api/feed?after=now"))["events"] == []


async def test_a_row_that_is_damaged_stops_nobody(database_url: str) -> None:
    async with rooms(database_url) as r:
        room = await r.opens()
        await r.talk(room, 2)
        connection = await asyncpg.connect(database_url, ssl=False)
        await connection.execute("UPDATE log SET body = '\\x02' WHERE room_id = $1 AND seq = 2", room)
        await connection.close()
        found = await reader.read(r.database, Cursor(), None, 10)
        told = [fed(row, whole=True) for row, _ in found.rows]
        assert [(each.seq, each.unreadable) for each in told] == [(1, False), (2, True), (3, False)]
