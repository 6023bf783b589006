"""The embedded servers: what they keep, whom they let in, what they leave behind."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis.asyncio
import redis.exceptions

from tavola.stack.embedded import EmbeddedServer
from tavola.stack.embedded_postgres import EmbeddedPostgres
from tavola.stack.embedded_redis import EmbeddedRedis
from tavola.stack.embedded_roles import grant
from tavola.stack.processes import in_folder
from tavola.stack.server import NotStarted

SERVERS: list[type[EmbeddedServer]] = [EmbeddedPostgres, EmbeddedRedis]

PARENT = """
import asyncio, sys, time
from pathlib import Path
from {module} import {name}
print(asyncio.run({name}(Path(sys.argv[1])).start()), flush=True)
time.sleep(600)
"""


async def _sql(url: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()


async def test_postgres_keeps_its_data_port_and_durability(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres")
    async with server as url:
        await _sql(url, "CREATE TABLE t (a int)")
        await _sql(url, "INSERT INTO t VALUES (42)")
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert (await _sql(url, f"SHOW {name}"))[0][0] == "on"
    assert not in_folder(server.programs, server.data)
    async with EmbeddedPostgres(tmp_path / "postgres") as again:
        assert again == url
        assert (await _sql(again, "SELECT a FROM t"))[0][0] == 42


async def test_postgres_after_a_crash_has_what_was_committed(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres")
    url = await server.start()
    await _sql(url, "CREATE TABLE t (a int)")
    await _sql(url, "INSERT INTO t VALUES (42)")
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    async with server as url:
        assert (await _sql(url, "SELECT a FROM t"))[0][0] == 42


@pytest.mark.parametrize("server", SERVERS)
async def test_a_taken_port_is_exchanged(tmp_path: Path, server: type[EmbeddedServer]) -> None:
    async with server(tmp_path / "one") as first:
        port = (tmp_path / "one" / "port").read_text()
        (tmp_path / "two").mkdir()
        (tmp_path / "two" / "port").write_text(port)
        async with server(tmp_path / "two") as second:
            assert f":{port}/" in first
            assert f":{port}/" not in second


async def test_only_who_knows_the_password_gets_in(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path / "postgres") as url:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(url, password="guessed", ssl=False)
    async with EmbeddedRedis(tmp_path / "redis") as url:
        client = redis.asyncio.Redis.from_url(url.replace("@", "x@"))
        with pytest.raises(redis.exceptions.AuthenticationError):
            await client.ping()
        await client.aclose()
    for secret in (*tmp_path.glob("*/password"), *tmp_path.glob("*/*.conf")):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert len(list(tmp_path.glob("*/password"))) == 2


@pytest.mark.parametrize("server", SERVERS)
async def test_nobody_hears_it_from_elsewhere(tmp_path: Path, server: type[EmbeddedServer]) -> None:
    one = server(tmp_path / "server")
    async with one:
        assert one.process is not None
        process = psutil.Process(one.process.pid)
        sockets = [each for each in process.net_connections("all") if each.status == psutil.CONN_LISTEN]
        assert {each.laddr.ip for each in sockets} == {"127.0.0.1"}
        assert one.password_file.read_text() not in " ".join(process.cmdline())


@pytest.mark.parametrize("server", SERVERS)
def test_it_ends_with_its_parent(tmp_path: Path, server: type[EmbeddedServer]) -> None:
    folder = tmp_path / "server"
    program = PARENT.format(module=server.__module__, name=server.__name__)
    with subprocess.Popen([sys.executable, "-c", program, folder], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert b"127.0.0.1" in parent.stdout.readline()
        assert in_folder(server.programs, folder / "data")
        parent.kill()
    deadline = time.monotonic() + 10
    while in_folder(server.programs, folder / "data"):
        assert time.monotonic() < deadline, "it outlived its parent"
        time.sleep(0.02)


@pytest.mark.parametrize("server", SERVERS)
async def test_a_start_ends_what_was_left_in_the_folder(tmp_path: Path, server: type[EmbeddedServer]) -> None:
    left, new = server(tmp_path / "server"), server(tmp_path / "server")
    url = await left.start()
    assert left.process is not None
    # Stopped, it cannot even be asked to end.
    left.process.send_signal(signal.SIGSTOP)
    async with new as again:
        # On its old port, unless somebody else on this machine was quicker.
        assert again.rpartition(":")[0] == url.rpartition(":")[0]
        assert left.process.wait() != 0
        assert new.process is not None
        assert new.process.pid != left.process.pid


def test_a_half_made_data_folder_is_made_again(tmp_path: Path) -> None:
    half = tmp_path / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    asyncio.run(_come_and_go(EmbeddedPostgres(tmp_path / "postgres")))


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres")
    asyncio.run(_come_and_go(server))
    (server.data / "global" / "pg_control").unlink()
    with pytest.raises(NotStarted, match="pg_control"):
        asyncio.run(_come_and_go(server))


async def test_one_that_says_goodbye_while_it_is_asked_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncpg has an error of its own for a connection that has heard of the server's end before the next query."""
    errors = [asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress")]

    async def goodbye_at_first(url: str, password: str) -> None:
        if errors:
            raise errors.pop()
        await grant(url, password)

    monkeypatch.setattr("tavola.stack.embedded_postgres.grant", goodbye_at_first)
    async with EmbeddedPostgres(tmp_path / "postgres") as url:
        assert (await _sql(url, "SELECT 42"))[0][0] == 42
    assert not errors


def test_no_folder_of_others_is_touched(tmp_path: Path) -> None:
    """As root, Postgres runs as another user, for whom nothing on the way to its data is opened."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    package = Path(sys.prefix)
    before = {each: _rights(each) for each in (closed, *closed.parents, package, *package.parents)}
    server = EmbeddedPostgres(closed / "postgres")
    asyncio.run(_come_and_go(server))
    assert {each: _rights(each) for each in before} == before
    assert (server.data.stat().st_uid != 0) or os.geteuid() != 0


def _rights(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_mode, found.st_uid, found.st_gid


async def _come_and_go(server: EmbeddedServer) -> None:
    async with server:
        pass
