"""The end of what is kept, on a real Postgres: hands, checkpoints, and that two stewards may be at it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from kit.hosts import connected, open_room
from tavola.actors.upkeep import retention as retention_module
from tavola.actors.upkeep.retention import DAY_MS, Retention
from tavola.config.settings import Settings
from tavola.storage.postgres import Database, StorageUnavailable

NOW = 400 * DAY_MS + DAY_MS // 2


@asynccontextmanager
async def kept(url: str, now: int = NOW, **settings: Any) -> AsyncIterator[tuple[Retention, Database, Any]]:
    async with connected(url) as database:
        truth = await asyncpg.connect(url, ssl=False)
        try:
            yield Retention(Settings(**settings), database, lambda: now), database, truth
        finally:
            await truth.close()


async def hand(truth: Any, room: str, number: int, ended_at: int | None) -> None:
    await truth.execute(
        "INSERT INTO hands (room_id, game, number, started_at, ended_at, record) VALUES ($1, 1, $2, 1, $3, '{}')",
        room, number, ended_at,
    )  # fmt: skip


async def test_hands_go_by_a_setting_of_their_own(database_url: str) -> None:
    ends = [None, NOW - 11 * DAY_MS, NOW - 10 * DAY_MS - 1, NOW - 10 * DAY_MS, NOW]
    async with kept(database_url, TAVOLA_KEEP_HANDS_DAYS=10) as (retention, database, truth):
        room = await open_room(database)
        for number, ended_at in enumerate(ends):
            await hand(truth, room, number, ended_at)
        await Retention(Settings(), database, lambda: NOW).round()
        assert await truth.fetchval("SELECT count(*) FROM hands") == len(ends), "by default they stay with their room"
        for _ in range(2):
            await retention.round()
            left = [row["number"] for row in await truth.fetch("SELECT number FROM hands ORDER BY number")]
            assert left == [0, 3, 4], "one that has not ended is not old"


async def test_checkpoints_go_with_the_log_but_for_a_rooms_last(database_url: str) -> None:
    day = NOW // DAY_MS * DAY_MS - 30 * DAY_MS
    async with kept(database_url) as (retention, database, truth):
        busy, asleep = [await open_room(database, at=1) for _ in range(2)]
        await truth.execute("UPDATE checkpoints SET at = 1")
        rows = [(busy, seq, at) for seq, at in ((1, day - 2), (2, day - 1), (3, day), (4, NOW))]
        rows += [(asleep, seq, 5) for seq in range(1, 1200)]
        await truth.executemany("INSERT INTO checkpoints (room_id, seq, at, state) VALUES ($1, $2, $3, '{}')", rows)
        for _ in range(2):
            await retention.round()
            left = await truth.fetch("SELECT room_id, seq FROM checkpoints ORDER BY room_id, seq")
            assert [tuple(row) for row in left] == [(busy, 3), (busy, 4), (asleep, 1199)]
    async with kept(database_url, now=NOW * 2, TAVOLA_KEEP_LOG_DAYS=0) as (retention, _, truth):
        await retention.round()
        assert await truth.fetchval("SELECT count(*) FROM checkpoints") == 3, "0: for ever"


async def test_what_a_commit_is_at_is_left_for_later(database_url: str) -> None:
    async with kept(database_url, TAVOLA_KEEP_HANDS_DAYS=10) as (retention, database, truth):
        room = await open_room(database)
        for number in (1, 2):
            await hand(truth, room, number, 1)
        async with truth.transaction():
            await truth.execute("SELECT FROM hands WHERE number = 1 FOR UPDATE")
            await asyncio.wait_for(retention.round(), 5)
        assert [row["number"] for row in await truth.fetch("SELECT number FROM hands")] == [1]
        await retention.round()
        assert await truth.fetch("SELECT number FROM hands") == []


async def logged(truth: Any, room: str, *at: int) -> None:
    for seq, each in enumerate(at, 1):
        await truth.execute(
            "INSERT INTO log (seq, epoch, at, room_id, user_id, command_id, entropy, body) "
            "VALUES ($2::bigint, 1, $3, $1, 'u', 'c' || $2::bigint, '', '')",
            room, seq, each,
        )  # fmt: skip


async def days(truth: Any) -> list[str]:
    found = await truth.fetch("SELECT relname FROM pg_class WHERE relname ~ '^log_[0-9]{8}$' ORDER BY 1")
    return [row["relname"] for row in found]


def date(ms: int) -> Any:
    return datetime.fromtimestamp(ms / 1000, UTC).date()


async def test_days_of_the_log_go(database_url: str) -> None:
    """Whole days that were over so long ago; and what lies beside the days, if it is as old."""
    first_kept = NOW // DAY_MS * DAY_MS - 30 * DAY_MS
    async with kept(database_url) as (retention, database, truth):
        room = await open_room(database)
        for row in await days(truth):
            await truth.execute(f"DROP TABLE {row}")
        await database.rows("make_log_days", first=date(first_kept - 2 * DAY_MS), last=date(first_kept + DAY_MS))
        outside = first_kept - 9 * DAY_MS
        at = (outside, first_kept - 2 * DAY_MS, first_kept - 1, first_kept, first_kept + DAY_MS, NOW)
        await logged(truth, room, *at)
        assert await truth.fetchval("SELECT count(*) FROM log_other") == 2
        # As a crash leaves it: no part of the log any more, and still there.
        await truth.execute("SELECT detach_log_day($1, 1000)", (await days(truth))[0])
        for _ in range(2):
            await retention.round()
            assert [row["at"] for row in await truth.fetch("SELECT at FROM log ORDER BY at")] == [*at[3:]]
            assert len(await days(truth)) == 2
    async with kept(database_url, now=NOW * 2, TAVOLA_KEEP_LOG_DAYS=0) as (retention, _, truth):
        await retention.round()
        assert await truth.fetchval("SELECT count(*) FROM log") == 3, "0: for ever"


async def test_a_day_that_is_in_use_stays_and_holds_nobody_up(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_module, "DETACH_TRIES", 2)
    first_kept = NOW // DAY_MS * DAY_MS - 30 * DAY_MS
    async with kept(database_url) as (retention, database, truth):
        room = await open_room(database)
        await database.rows("make_log_days", first=date(first_kept - DAY_MS), last=date(first_kept))
        there = len(await days(truth))
        await logged(truth, room, first_kept - 1)
        reader = await asyncpg.connect(database_url, ssl=False)
        async with reader.transaction():
            assert await reader.fetchval("SELECT count(*) FROM log") == 1
            await asyncio.wait_for(retention.round(), 10)
            assert len(await days(truth)) == there
            await asyncio.wait_for(logged(truth, room, first_kept), 1)
        await reader.close()
        await retention.round()
        assert len(await days(truth)) == there - 1


async def test_rows_from_before_the_days_go_when_all_are_old(database_url: str) -> None:
    async with connected(database_url) as database:
        room = await open_room(database)
        truth = await asyncpg.connect(database_url, ssl=False)
        began = (await database.row("by_days_since"))["at"]  # type: ignore[index]
        await truth.execute(
            "INSERT INTO actions_before (room_id, seq, epoch, game, hand, user_id, user_name, command_id, command, "
            "answer, events, patch, outside, private, entropy, at) "
            "VALUES ($1, 1, 1, 0, 0, 'u', 'n', 'c', '{}', '{}', '[]', '', '', '', '', $2)",
            room, began - 1,
        )  # fmt: skip
        for after, left in ((29, 1), (32, 0)):
            await Retention(Settings(), database, lambda after=after: began + after * DAY_MS).round()  # type: ignore[misc]
            assert await truth.fetchval("SELECT count(*) FROM actions_before") == left
        await truth.close()


async def test_old_rows_from_before_the_days_go_while_younger_ones_stay(database_url: str) -> None:
    rows = [NOW - 40 * DAY_MS] * 4000 + [NOW - 9 * DAY_MS] * 4000 + [NOW - 5 * DAY_MS] * 4000
    async with connected(database_url) as database:
        room = await open_room(database)
        truth = await asyncpg.connect(database_url, ssl=False)
        await truth.execute(
            "INSERT INTO actions_before (room_id, seq, epoch, game, hand, user_id, user_name, command_id, command, "
            "answer, events, patch, outside, private, entropy, at) "
            "SELECT $1, seq, 1, 0, 0, 'u', 'n', seq::text, '{}', '{}', '[]', '', '', '', '', at "
            "FROM unnest($2::bigint[]) WITH ORDINALITY AS given (at, seq)",
            room, rows,
        )  # fmt: skip
        pages = await truth.fetchval("SELECT pg_relation_size('actions_before') / 8192")
        assert pages > 2 * retention_module.PAGES, "more than one batch"
        for days, left in ((30, 8000), (1, 4000)):
            await Retention(Settings(TAVOLA_KEEP_LOG_DAYS=days), database, lambda: NOW).round()
            there = await truth.fetch("SELECT seq FROM actions_before ORDER BY seq")
            assert [row["seq"] for row in there] == list(range(12001 - left, 12001)), "commands are known for 8 days"
        await truth.close()


async def cut_off(database: Database, other: Database, url: str) -> None:
    async with database.sole("test") as cut:
        assert cut is not None
        truth = await asyncpg.connect(url, ssl=False)
        await truth.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        await truth.close()
        async with other.sole("test") as next_one:
            assert next_one is not None
        await cut.rows("ping")


async def test_only_one_is_at_it_and_who_is_cut_off_holds_nobody_up(database_url: str) -> None:
    async with connected(database_url) as database, connected(database_url) as other:
        async with database.sole("test") as first:
            assert first is not None
            async with other.sole("test") as second, other.sole("something else") as third:
                assert second is None
                assert third is not None
        async with other.sole("test") as again:
            assert again is not None
        with pytest.raises(StorageUnavailable):
            await cut_off(database, other, database_url)
        async with database.sole("test") as at_last:
            assert at_last is not None
