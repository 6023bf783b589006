"""Whom the embedded Postgres runs as and what its role may do: nothing is shared with anybody else on the machine."""

from __future__ import annotations

import asyncio
import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest

from kit.strangers import as_root, stranger
from tavola.stack.embedded_postgres import EmbeddedPostgres
from tavola.stack.embedded_roles import ROLE, SUPERUSER
from tavola.storage.migrate import migrate

LOOK = """
for name in ("environ", "mem", "fd/0", "cwd"):
    try:
        os.open(f"/proc/{sys.argv[1]}/{name}", os.O_RDONLY)
        print(name)
    except PermissionError:
        pass
try:
    os.kill(int(sys.argv[1]), 0)
    print("kill")
except PermissionError:
    pass
"""


async def _ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def _account(server: EmbeddedPostgres) -> set[int]:
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    return {*process.uids(), *process.gids()}


@contextmanager
def _sleeper(uid: int) -> Iterator[None]:
    with subprocess.Popen(["sleep", "600"], user=uid, group=uid, extra_groups=[], cwd="/") as other:
        try:
            yield
        finally:
            other.kill()


@as_root
def test_another_nobody_cannot_look_into_it(tmp_path: Path) -> None:
    async def story() -> str:
        server = EmbeddedPostgres(tmp_path / "postgres")
        async with server:
            assert server.process is not None
            [own] = _account(server)
            assert own not in {each.pw_uid for each in pwd.getpwall()}
            nobody = pwd.getpwnam("nobody")
            return stranger(LOOK, server.process.pid, uid=nobody.pw_uid, gid=nobody.pw_gid)

    assert asyncio.run(story()) == ""


@as_root
async def test_two_at_once_are_two_users(tmp_path: Path) -> None:
    one, two = EmbeddedPostgres(tmp_path / "one"), EmbeddedPostgres(tmp_path / "two")
    async with one, two:
        assert _account(one).isdisjoint(_account(two))


@as_root
async def test_an_id_that_somebody_else_has_taken_is_exchanged(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres")
    async with server as url:
        await _ask(url, "CREATE TABLE t AS SELECT 42 AS a")
        [before] = _account(server)
    with _sleeper(before):
        async with server as url:
            assert _account(server).isdisjoint({before, 0})
            assert await _ask(url, "SELECT a FROM t") == 42


@as_root
async def test_a_data_folder_of_nobody_is_handed_over(tmp_path: Path) -> None:
    """As versions before left it."""

    server = EmbeddedPostgres(tmp_path / "postgres")
    async with server as url:
        await _ask(url, "CREATE TABLE t AS SELECT 42 AS a")
    nobody = pwd.getpwnam("nobody")
    for path in (server.data, *server.data.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    async with server as url:
        assert await _ask(url, "SELECT a FROM t") == 42
        assert not _account(server) & {0, nobody.pw_uid, nobody.pw_gid}
    left = {path.stat().st_uid for path in (server.data, *server.data.rglob("*"))}
    assert not left & {0, nobody.pw_uid}


async def test_the_role_is_an_ordinary_one(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path / "postgres") as url:
        await migrate(url)
        for forbidden in (
            "CREATE ROLE other",
            "CREATE DATABASE other",
            "ALTER SYSTEM SET fsync = off",
            "COPY pg_class TO PROGRAM 'true'",
            "SELECT pg_read_file('postgresql.conf')",
            "SELECT rolpassword FROM pg_authid",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await _ask(url, forbidden)


async def test_a_database_of_the_superuser_is_handed_over(tmp_path: Path) -> None:
    """As versions before left it: one role, which owns everything."""

    server = EmbeddedPostgres(tmp_path / "postgres")
    async with server:
        superuser = server.superuser_url
        await _ask(superuser, "DROP DATABASE tavola")
        await _ask(superuser, f"DROP ROLE {ROLE}")
        await _ask(superuser, "CREATE DATABASE tavola")
        before = superuser.removesuffix("/postgres") + "/tavola"
        assert await migrate(before)
        await _ask(before, "CREATE TABLE numbered (id bigserial)")
        assert await _ask(before, "SELECT DISTINCT tableowner FROM pg_tables WHERE tablename = 'rooms'") == SUPERUSER
    async with server as url:
        assert await migrate(url) == []
        owners = "SELECT string_agg(DISTINCT relowner::regrole::text, ',') FROM pg_class"
        assert await _ask(url, f"{owners} WHERE relnamespace = 'public'::regnamespace") == ROLE
        await _ask(url, "INSERT INTO numbered DEFAULT VALUES")
        await _ask(url, "ALTER TABLE rooms ADD COLUMN of_the_next_version int")
