"""Tavola through PgBouncer in transaction mode, where nothing of a session outlives a transaction."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import asyncpg
import pytest

from kit.command import tavola
from kit.examples import example
from kit.hosts import chat, connected, hosting, open_room, place, stored
from kit.pgbouncer import answering, needs_pgbouncer, pgbouncer
from kit.stack import Stack, kill
from kit.table import table
from tavola.stack.embedded_roles import ROLE
from tavola.storage.migrate import migrate
from tavola.storage.postgres import StorageUnavailable
from tavola.storage.target import target

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), needs_pgbouncer]

CONNECTIONS = 5
LENT = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


class Behind(Stack):
    """A stack whose tests read Postgres itself."""

    truth_url = ""

    @property
    def database_url(self) -> str:
        return self.truth_url


PAGE = "docs/howto/postgres.md"


async def test_hands_are_played_and_an_actor_dies(database_url: str, superuser_url: str) -> None:
    """With the role's settings as our documents name them."""
    connection = await asyncpg.connect(superuser_url, ssl=False)
    await connection.execute(example(PAGE, "ALTER ROLE").replace("ROLE tavola ", f"ROLE {ROLE} "))
    await connection.close()
    said = example(PAGE, "pgbouncer=true").splitlines()[0].partition("=")[2].strip("'")
    assert target(said).lent
    with pgbouncer(database_url, CONNECTIONS) as url, tempfile.TemporaryDirectory() as folder:
        await answering(url)
        stack = Behind(Path(folder) / "data", edges=2, DATABASE_URL=url, TAVOLA_JWT_SECRET="s" * 32)
        stack.truth_url = database_url
        try:
            await asyncio.to_thread(stack.start)
            async with table(stack, edges=(0, 1)) as t:
                await t.move()
                before = await t.owner()
                kill(before.pid)
                await t.move()
                assert (await t.owner()).pid != before.pid
                await t.play_to_the_end()
                await t.check()
                assert await t.truth.value(LENT) <= CONNECTIONS
            _, printed = await tavola(stack, "doctor")
            unfit = [line for line in printed.splitlines() if "✗" in line]
            assert len(unfit) == 1, printed
            assert "fsync off" in unfit[0], "the tests' own Postgres does not flush, and nothing else is amiss"
        finally:
            await asyncio.to_thread(stack.stop)


async def test_the_database_is_brought_up_to_date_by_several_at_once(postgres_server: str, superuser_url: str) -> None:
    connection = await asyncpg.connect(superuser_url, ssl=False)
    await connection.execute(f"CREATE DATABASE lent OWNER {ROLE}")
    await connection.close()
    with pgbouncer(postgres_server.rpartition("/")[0] + "/lent", CONNECTIONS) as url:
        await answering(url)
        applied = await asyncio.gather(*(migrate(url) for _ in range(4)))
        names = [name for each in applied for name in each]
        assert len(names) == len(set(names)) > 5
        assert await migrate(url) == []


async def test_one_alone_does_it_until_it_is_done(database_url: str) -> None:
    with pgbouncer(database_url, CONNECTIONS) as url:
        await answering(url)
        async with connected(url) as one, connected(url) as other:
            async with one.sole("it") as mine:
                assert mine is not None
                async with other.sole("it") as theirs:
                    assert theirs is None
                assert await mine.rows("ping")
            async with other.sole("it") as theirs:
                assert theirs is not None


async def test_shared_actors_commit_many_rooms_at_once(database_url: str) -> None:
    with pgbouncer(database_url, CONNECTIONS) as url:
        await answering(url)
        async with connected(url) as database, hosting(database, "a") as host:
            rooms = [await open_room(database) for _ in range(20)]
            epochs = {room: await place(database, room) for room in rooms}
            for number in range(3):
                await asyncio.gather(*(host.does(epochs[room], "host", chat(room, f"c{number}")) for room in rooms))
            assert {(await stored(database, room))["seq"] for room in rooms} == {3}


async def test_who_does_not_say_so_is_told_how(database_url: str) -> None:
    with pgbouncer(database_url, CONNECTIONS) as url:
        await answering(url)
        with pytest.raises(StorageUnavailable, match=r"\?pgbouncer=true"):
            await migrate(url.partition("?")[0])
