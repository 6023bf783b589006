"""The log's days are made ahead, a row without one is kept all the same, commands are forgotten after their time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from kit.hosts import chat, connected, hosting, open_room, place
from tavola.actors.upkeep.log_tender import COMMAND_DAYS, DAYS_AHEAD, SWEEP_S, LogTender
from tavola.actors.wire.messages import Refusal
from tavola.storage.packing import STATE_WORDS, WORDS, command_key, pack, unpack

DAY_MS = 86_400_000


async def sql(url: str, statement: str, *arguments: Any) -> list[Any]:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        rows: list[Any] = await connection.fetch(statement, *arguments)
        return rows
    finally:
        await connection.close()


async def days(url: str) -> list[date]:
    """The days that have a partition."""
    parts = await sql(url, "SELECT relname FROM pg_class WHERE relname ~ '^log_[0-9]{8}$' AND relkind = 'r'")
    return sorted(datetime.strptime(row["relname"], "log_%Y%m%d").replace(tzinfo=UTC).date() for row in parts)


def ms(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY_MS


async def test_days_are_there_before_they_are_needed(database_url: str) -> None:
    today = datetime.now(UTC).date()
    assert {today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD)} <= set(await days(database_url))
    later = today + timedelta(days=40)
    async with connected(database_url) as database:
        for _ in range(2):
            await LogTender(database, lambda: ms(later) + 5).make_days()
    made = [day for day in await days(database_url) if day >= later]
    assert made == [later + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)]


async def test_no_commit_fails_for_want_of_a_day(database_url: str) -> None:
    """Years ahead, in `log_other`; that day is left there, and those after it are made."""
    async with connected(database_url) as database, hosting(database, "a") as table:
        table.time.ms = ms(date(2040, 2, 29)) + 7
        room = await open_room(database)
        epoch = await place(database, room)
        assert (await table.does(epoch, "host", chat(room, "one"))).seq == 1
        [other] = await sql(database_url, "SELECT count(*) AS rows FROM log_other")
        assert other["rows"] == 1
        await LogTender(database, table.time).make_days()
        assert date(2040, 2, 29) not in await days(database_url)
        table.time.ms += DAY_MS
        await table.does(epoch, "host", chat(room, "two"))
        [made] = await sql(database_url, "SELECT count(*) AS rows FROM log_20400301")
        assert made["rows"] == 1
        assert [row["seq"] for row in await database.rows("log_after", room_id=room, after=0, most=9)] == [1, 2]


async def test_a_command_is_known_though_its_day_is_gone_and_forgotten_after_its_time(database_url: str) -> None:
    async with connected(database_url) as database, hosting(database, "a") as table:
        room = await open_room(database)
        epoch = await place(database, room)
        first = await table.does(epoch, "host", chat(room, "first"))
        for number in range(70):
            await table.does(epoch, "host", chat(room, f"say {number}"))
        await sql(database_url, "DELETE FROM log WHERE room_id = $1 AND seq <= 5", room)
        again = await table.does(epoch, "host", chat(room, "first"))
        assert (again.seq, again.update) == (first.seq, b"")
        other = await table.deliver(epoch, "host", chat(room, "first", "something else"))
        assert isinstance(other, Refusal)
        assert other.code == "id_reused", "by its checksum: the log has it no more"
        day = table.time.ms // DAY_MS
        tender = LogTender(database, lambda: (day + COMMAND_DAYS) * DAY_MS)
        await tender.forget_commands(SWEEP_S)
        assert await _known(database_url) == 71, "not yet"
        tender = LogTender(database, lambda: (day + COMMAND_DAYS + 1) * DAY_MS)
        await tender.forget_commands(SWEEP_S)
        assert await _known(database_url) == 0


async def test_every_page_is_looked_through(database_url: str) -> None:
    """Of a table of some hundred pages, in steps, beginning anywhere."""
    await sql(
        database_url,
        "INSERT INTO commands (key, seq, day) SELECT md5(n::text)::uuid, n, n % 2 FROM generate_series(1, 40000) n",
    )
    async with connected(database_url) as database:
        tender = LogTender(database, lambda: (COMMAND_DAYS + 1) * DAY_MS)
        for _ in range(4):
            await tender.forget_commands(SWEEP_S / 3)
    assert await _known(database_url) == 20_000


async def _known(url: str) -> int:
    [row] = await sql(url, "SELECT count(*) AS rows FROM commands")
    return int(row["rows"])


@pytest.mark.parametrize("room", ["r_0123456789abcdef", "another room", "r_0123456789ABCDEF"])
async def test_sql_packs_and_names_as_python_does(database_url: str, room: str) -> None:
    user, command, at = 'u "☃"', "c\\1", 1_795_788_069_462
    assert [tuple(row) for row in await sql(database_url, "SELECT log_words(), state_words()")] == [
        (WORDS, STATE_WORDS)
    ]
    [row] = await sql(database_url, "SELECT command_key($1, $2, $3) AS key", room, user, command)
    assert row["key"].bytes == command_key(room, user, command)
    for text in ('["☃",1]', '["%s"]' % ("abc" * 3000), '["%s"]' % ("é" * 40_000), '[{"me":{"legal":[]}},null]'):
        body = pack(text.encode(), room, user, command, at)
        assert unpack(body, room, user, command, at) == text.encode()
        [row] = await sql(
            database_url, "SELECT log_text($1, $2, $3, $4, $5)::text AS text", body, room, user, command, at
        )
        assert row["text"] == text
