"""The database: migrations by several at once, the fence in the commit, what errors mean, alarms that are overdue."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import msgspec
import pytest

from kit.hosts import connected, open_room, place, stored
from kit.proxy import proxied
from tavola.actors.cluster import ceiling
from tavola.actors.errands.doing import here
from tavola.actors.wire.commands import UserId
from tavola.actors.wire.settings import RoomWish
from tavola.actors.wire.view import RoomSummary
from tavola.edge.identity.auth import Identity
from tavola.edge.rest.lobby import Lobby
from tavola.stack.embedded_roles import ROLE
from tavola.storage.commits import commit, warm
from tavola.storage.migrate import migrate
from tavola.storage.packing import PLAIN, command_key
from tavola.storage.postgres import Conflict, Database, StorageUnavailable
from tavola.storage.rows import LogRow, Records, StateRow

PLAYER = {"status": "approved", "changed_at": 1, "banned": False}
SEAT = {"seated_at": 1, "status": "active"}


def log_row(room: str, seq: int, command: str = "", user: str = "u") -> LogRow:
    id = command or f"c{seq}"
    return LogRow(
        room_id=room, seq=seq, user_id=user, command_id=id, entropy=b"e", body=PLAIN + b"[]", at=seq, versions=257,
        key=command_key(room, user, id) if user else None, mark=1, answer=None,
    )  # fmt: skip


def state(room: str, epoch: int, prev: int, seq: int) -> StateRow:
    return StateRow(room, epoch, prev, seq, f'{{"seq":{seq}}}', seq)


async def registered(database: Database, name: str, capacity: int = 100) -> None:
    await ceiling.register(database, name, "node", 1, "127.0.0.1:1", capacity, None)


async def admin(url: str, statement: str) -> Any:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


async def test_many_may_migrate_at_once(postgres_server: str, superuser_url: str) -> None:
    await admin(superuser_url, f"CREATE DATABASE migrated_at_once OWNER {ROLE}")
    url = postgres_server.rpartition("/")[0] + "/migrated_at_once"
    applied = await asyncio.gather(*(migrate(url) for _ in range(6)))
    assert sorted(map(bool, applied)) == [False] * 5 + [True], "one did it all, the others found it done"
    assert await migrate(url) == []
    names = [row["name"] for row in await admin(url, "SELECT name FROM migrations ORDER BY name")]
    assert names == [done for done in next(filter(None, applied)) if done.endswith(".sql")]
    await admin(superuser_url, "DROP DATABASE migrated_at_once WITH (FORCE)")


async def test_a_commit_writes_rooms_at_their_epoch_and_seq_and_no_others(database_url: str) -> None:
    async with connected(database_url) as database:
        await registered(database, "a")
        good, old_epoch, ahead, behind = rooms = [await open_room(database) for _ in range(4)]
        at = {room: await place(database, room) for room in rooms}
        first = state(behind, at[behind], 0, 1)
        assert await commit(database, [first], [log_row(behind, 1)], Records()) == {behind}
        states = [state(good, at[good], 0, 2), state(old_epoch, 0, 0, 1), state(ahead, at[ahead], 5, 6), first]
        rows = [log_row(good, 1), log_row(good, 2), log_row(old_epoch, 1), log_row(ahead, 6), log_row(behind, 9)]
        records = Records(
            seats=[
                {**SEAT, "room_id": r, "seat_index": 0, "user_id": "u", "display_name": "n", "chips": 1} for r in rooms
            ],
            players=[{**PLAYER, "room_id": r, "user_id": "u", "display_name": "n"} for r in rooms],
        )
        assert await commit(database, states, rows, records) == {good}
        for room, seqs in ((good, [1, 2]), (old_epoch, []), (ahead, []), (behind, [1])):
            found = await database.rows("log_commands", room_id=room, after=0, most=10)
            assert [row["seq"] for row in found] == seqs
            stands = await database.row("membership", room_id=room, user_id="u")
            assert stands is not None
            assert (stands["seat_index"] == 0) == (stands["status"] is not None) == (room == good)


async def test_a_repeated_command_is_a_conflict_and_nothing_is_written(database_url: str) -> None:
    async with connected(database_url) as database:
        await registered(database, "a")
        one, other = [await open_room(database) for _ in range(2)]
        at, there = [await place(database, room) for room in (one, other)]
        await commit(database, [state(one, at, 0, 1)], [log_row(one, 1, "same")], Records())
        with pytest.raises(Conflict, match="commands_once"):
            await commit(
                database,
                [state(one, at, 1, 2), state(other, there, 0, 1)],
                [log_row(one, 2, "same"), log_row(other, 1)],
                Records(),
            )
        assert [(await stored(database, room))["seq"] for room in (one, other)] == [1, 0]
        twice = [log_row(one, 2, "wake", ""), log_row(one, 3, "wake", "")]
        assert await commit(database, [state(one, at, 1, 3)], twice, Records()) == {one}, "the runtime's own may"


async def test_two_seats_may_be_exchanged_in_one_commit_but_not_doubled(database_url: str) -> None:
    async with connected(database_url) as database:
        await registered(database, "a")
        room = await open_room(database)
        at = await place(database, room)

        def seats(*users: str) -> Records:
            common = {**SEAT, "room_id": room, "display_name": "n", "chips": 0}
            return Records(seats=[{**common, "seat_index": i, "user_id": user} for i, user in enumerate(users)])

        await commit(database, [state(room, at, 0, 1)], [log_row(room, 1)], seats("ann", "bob"))
        await commit(database, [state(room, at, 1, 2)], [log_row(room, 2)], seats("bob", "ann"))
        with pytest.raises(Conflict, match="one_seat"):
            await commit(database, [state(room, at, 2, 3)], [log_row(room, 3)], seats("bob", "bob"))


async def test_raising_epochs_leaves_out_what_is_not_ours(database_url: str) -> None:
    async with connected(database_url) as database:
        await registered(database, "a")
        ours, theirs = [await open_room(database) for _ in range(2)]
        at, gone = [await place(database, room) for room in (ours, theirs)]
        await place(database, theirs)
        [raised] = await database.rows("raise_epochs", rooms=[ours, theirs], epochs=[at, gone])
        assert (raised["room_id"], raised["epoch"] > at, raised["seq"]) == (ours, True, 0)
        assert (await stored(database, ours))["actor"] == "a"
        assert await commit(database, [state(ours, at, 0, 1)], [log_row(ours, 1)], Records()) == set()


async def test_what_is_overdue(database_url: str) -> None:
    """Alarms that have passed in rooms whose actor is not there to hear them."""

    async with connected(database_url) as database:
        for actor in ("alive", "silent"):
            await registered(database, actor)
        due, later, without, alive, silent, closed = [await open_room(database) for _ in range(6)]
        for room, alarm, actor, status in (
            (due, 100, "NULL", "open"),
            (later, 300, "NULL", "open"),
            (without, None, "NULL", "open"),
            (alive, 100, "'alive'", "open"),
            (silent, 50, "'silent'", "open"),
            (closed, 100, "NULL", "closed"),
        ):
            await admin(
                database_url,
                f"UPDATE rooms SET alarm_at = {alarm or 'NULL'}, actor = {actor}, status = '{status}' "
                f"WHERE id = '{room}'",
            )
        await admin(database_url, "UPDATE room_actors SET alive_at = now() - interval '1 minute' WHERE name = 'silent'")
        assert await _overdue(database, 10) == [silent, due]
        assert await _overdue(database, 1) == [silent]
        await admin(database_url, f"UPDATE rooms SET present = 0 WHERE id IN ('{silent}', '{due}')")
        await admin(database_url, f"UPDATE rooms SET status = 'playing' WHERE id = '{due}'")
        assert await _overdue(database, 10) == [due], "where it is played on, somebody waits"
        assert await _overdue(database, 10, quiet=True) == [silent]
        assert [row["name"] for row in await database.rows("dead_actors", after_s=15.0)] == ["silent"]


async def _overdue(database: Database, most: int, *, quiet: bool = False) -> list[str]:
    return [row["id"] for row in await database.rows("overdue", before=200, most=most, quiet=quiet)]


async def test_a_room_is_created_once_for_one_key(database_url: str) -> None:
    async with connected(database_url, most=8) as database:
        lobby = Lobby(database, here)
        host = Identity(UserId("u_host"), "Host", 0)
        wish = RoomWish(game="tictactoe")
        opened = await asyncio.gather(*(lobby.open(wish, host, "key") for _ in range(5)))
        assert len({room.id for room in opened if isinstance(room, RoomSummary)}) == 1
        other = await lobby.open(wish, host, None)
        assert isinstance(other, RoomSummary)
        assert len((await lobby.list(None, None, False, 10, None)).rooms) == 2
        first = await lobby.list(None, None, False, 1, None)
        second = await lobby.list(None, None, False, 1, first.next_cursor)
        assert {first.rooms[0].id, second.rooms[0].id} == {opened[0].id, other.id}  # type: ignore[union-attr]
        assert second.next_cursor is None


async def test_what_an_error_says_of_the_outcome(database_url: str) -> None:
    async with connected(database_url) as direct, proxied(database_url) as proxy:
        room = await open_room(direct)
        await registered(direct, "a")
        at = await place(direct, room)
        async with connected(proxy.url) as database:
            await database.rows("ping")
            proxy.lose_next("reply", room.encode())
            with pytest.raises(StorageUnavailable) as lost:
                await commit(database, [state(room, at, 0, 1)], [log_row(room, 1)], Records())
            assert (lost.value.unknown, proxy.lost_replies) == (True, 1)
            assert (await stored(direct, room))["seq"] == 1
            proxy.go_away()
            with pytest.raises(StorageUnavailable):
                await database.rows("ping")
            proxy.come_back()
            assert await database.rows("ping"), "the pool comes back by itself"
    with pytest.raises(StorageUnavailable) as refused:
        await Database.connect(proxy.url)
    assert not refused.value.unknown


async def test_a_statement_that_takes_too_long_is_of_unknown_outcome(database_url: str) -> None:
    async with connected(database_url) as database:
        room = await open_room(database)
        blocker = await asyncpg.connect(database_url, ssl=False)
        transaction = blocker.transaction()
        await transaction.start()
        await blocker.execute("UPDATE game_states SET seq = seq WHERE room_id = $1", room)
        with pytest.raises(StorageUnavailable) as lost:
            await database.rows("raise_epochs", rooms=[room], epochs=[0], within_s=0.1)
        assert lost.value.unknown
        await transaction.rollback()
        await blocker.close()


async def test_numbers_that_are_no_bigint_harm_nobody(database_url: str) -> None:
    async with connected(database_url) as database:
        with pytest.raises((StorageUnavailable, Conflict)):
            await database.rows("log_after", room_id="r", after=2**70, most=1)
        assert await database.rows("ping")


async def test_members_come_back_as_they_were_written(database_url: str) -> None:
    async with connected(database_url) as database:
        await registered(database, "a")
        room = await open_room(database)
        at = await place(database, room)
        name = 'A "quoted" \\ naïve \u2603 name'
        common = {"room_id": room, "display_name": name}
        records = Records(
            players=[{**PLAYER, **common, "user_id": "ann", "changed_at": 5, "leaves_at": 9, "idle": True}],
            spectators=[{**common, "user_id": "ann", "joined_at": 5}],
        )
        await commit(database, [state(room, at, 0, 1)], [log_row(room, 1)], records)
        members = msgspec.json.decode((await stored(database, room))["members"])
        ann = {"display_name": name, "status": "approved", "changed_at": 5, "watching": True, "banned": False}
        ann |= {"leaves_at": 9, "idle": True}
        assert members["ann"] == ann
        gone = Records(players=[{"room_id": room, "user_id": "ann"}], spectators=[{"room_id": room, "user_id": "ann"}])
        await commit(database, [state(room, at, 1, 2)], [log_row(room, 2)], gone)
        assert "ann" not in msgspec.json.decode((await stored(database, room))["members"])


async def test_a_warm_connection_plans_nothing_for_the_usual_commit_and_nothing_was_written(database_url: str) -> None:
    async with connected(database_url) as database:
        await registered(database, "a")
        room = await open_room(database)
        at = await place(database, room)
        before = await everything(database)
        lane = database.lane()
        await warm(lane)
        assert await everything(database) == before
        planned = await planned_on(lane)
        await commit(lane, [state(room, at, 0, 1)], [log_row(room, 1)], Records())
        await commit(lane, [state(room, at, 1, 3)], [log_row(room, 2), log_row(room, 3)], Records())
        seat = {**SEAT, "room_id": room, "seat_index": 0, "user_id": "u", "display_name": "n", "chips": 1}
        await commit(lane, [state(room, at, 3, 4)], [log_row(room, 4)], Records(seats=[seat]))
        assert await planned_on(lane) == planned
        assert (await stored(database, room))["seq"] == 4


async def everything(database: Database) -> str:
    """The contents of all tables that a commit writes."""
    tables = ("game_states", "log", "commands", "rooms", "room_seats", "hands", "checkpoints")
    parts = [f"SELECT '{table}' AS name, to_json(t)::text AS row FROM {table} t" for table in tables]
    async with database._pool.acquire() as connection:
        return repr(await connection.fetch(f"{' UNION ALL '.join(parts)} ORDER BY 1, 2"))


async def planned_on(lane: Any) -> list[str]:
    found = await lane._connection.fetch("SELECT statement FROM pg_prepared_statements WHERE statement ~ 'held'")
    return sorted(row["statement"] for row in found)
