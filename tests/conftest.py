"""Real servers for the tests: one Postgres and one Redis a session, a fresh database and an empty Redis a test. Whole
stacks to break: started once for all tests that want them, always stopped."""

import asyncio
import functools
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Coroutine, Generator, Iterator
from inspect import iscoroutinefunction
from itertools import count
from typing import Any

import asyncpg
import pytest
import redis
import structlog
import uvloop
from hypothesis import settings

from kit.databases import TestDatabases, at
from kit.stack import ADMIN_SECRET, Stack
from tavola.stack.embedded_postgres import EmbeddedPostgres
from tavola.stack.embedded_redis import EmbeddedRedis
from tavola.stack.embedded_roles import ROLE

# For `make long`; tests/kit/example_counts.py says who follows it.
settings.register_profile("long", max_examples=2000)

# Where rich is installed, structlog draws tracebacks with it, in half a second each.
structlog.configure(
    [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=True),
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)

_numbers = count(1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """An `async` test that hangs fails where it hangs, a little before its `timeout`: what that one's signal raises
    inside an event loop is the failure of a callback there, and the loop goes on for ever."""
    usual = float(config.getini("timeout"))
    for item in items:
        if isinstance(item, pytest.Function) and iscoroutinefunction(item.obj):
            marker = item.get_closest_marker("timeout")
            item.obj = _ending(item.obj, 0.95 * (marker.args[0] if marker else usual))


def _ending(test: Callable[..., Coroutine[Any, Any, None]], within_s: float) -> Callable[..., Any]:
    @functools.wraps(test)
    async def limited(**fixtures: Any) -> None:
        async with asyncio.timeout(within_s):
            await test(**fixtures)

    return limited


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """`tests/run` is told which failed."""
    if report.failed and (told := os.environ.get("FAILED_TESTS")):
        with open(told, "a") as names:
            names.write(f"{report.nodeid}\n")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails beside a stack shows what the stack's supervisor has said last."""
    report = yield
    if report.failed:
        for stack in getattr(item, "funcargs", {}).values():
            if isinstance(stack, Stack):
                said = stack.output.read_text().splitlines()[-40:]
                report.sections.append((f"the end of {stack.output}", "\n".join(said)))
    return report


class Loop(uvloop.Loop):
    """As production's. A future that fails when nobody waits for it any more, as of a connection that is cut, is no
    failure of the test; an exception in a callback is."""

    def set_exception_handler(self, handler: Callable[..., object] | None) -> None:
        def judged(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            if handler is not None and not str(context.get("message")).endswith("was never retrieved"):
                handler(loop, context)

        super().set_exception_handler(judged)

    def close(self) -> None:
        """Fails if a connection was left open, unless the test has failed anyway: that is what should be read. It is a
        warning to uvloop, which, as an error, leaves the loop waiting for that connection for ever."""
        with warnings.catch_warnings(record=True, category=ResourceWarning) as unclosed:
            warnings.simplefilter("always", ResourceWarning)
            super().close()
        assert not unclosed or sys.exc_info()[0] is not None, [str(each.message) for each in unclosed]


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Tests run as production does: `async def` is enough, on uvloop."""
    return "asyncio", {"loop_factory": Loop}


@pytest.fixture(scope="session")
def _postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    url = asyncio.run(server.start())
    # Nothing here outlives a loss of power, and to make a test's database takes half as long.
    for setting in ("fsync", "full_page_writes"):
        asyncio.run(_execute(server.superuser_url, f"ALTER SYSTEM SET {setting} = off"))
    asyncio.run(_execute(server.superuser_url, "SELECT pg_reload_conf()"))
    yield url, server.superuser_url
    asyncio.run(server.stop())
    shutil.rmtree(server.folder)


@pytest.fixture(scope="session")
def postgres_server(_postgres: tuple[str, str]) -> str:
    """The URL of a server without any table of ours, with the role that a stack has."""
    return _postgres[0]


@pytest.fixture(scope="session")
def superuser_url(_postgres: tuple[str, str]) -> str:
    """Of the same server, for who makes databases. They are to be owned by `ROLE`."""
    return _postgres[1]


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    yield asyncio.run(server.start())
    asyncio.run(server.stop())
    shutil.rmtree(server.folder)


@pytest.fixture(scope="session")
def _databases(postgres_server: str, superuser_url: str) -> TestDatabases:
    return asyncio.run(TestDatabases.made(postgres_server, superuser_url))


@pytest.fixture
def database_url(postgres_server: str, _databases: TestDatabases) -> Iterator[str]:
    """A migrated, empty database of the test's own."""
    name = asyncio.run(_databases.take())
    yield at(postgres_server, name)
    asyncio.run(_databases.give_back(name))


@pytest.fixture
def empty_database(postgres_server: str, superuser_url: str) -> Iterator[str]:
    """A database of the test's own in which nothing is, not even a table."""
    name = f"empty_{next(_numbers)}"
    asyncio.run(_execute(superuser_url, f"CREATE DATABASE {name} OWNER {ROLE}"))
    yield at(postgres_server, name)
    asyncio.run(_execute(superuser_url, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """An empty Redis. Channels are shared by all of a session's tests, so name them after a fresh room."""
    with redis.Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two edges, and a warm spare for each: a race for one actor would hide a race for the room."""
    folder = tmp_path_factory.mktemp("warm") / "data"
    yield from _running(Stack(folder, edges=2, TAVOLA_SPARES="2", TAVOLA_ADMIN_SECRET=ADMIN_SECRET))


@pytest.fixture(scope="session")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two edges, and all rooms in a few actors: for tests of many rooms, of which none is killed; and an operator."""
    folder = tmp_path_factory.mktemp("crowd") / "data"
    yield from _running(Stack(folder, edges=2, TAVOLA_ROOMS_PER_ACTOR="500", TAVOLA_ADMIN_SECRET=ADMIN_SECRET))


@pytest.fixture(scope="session")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One edge, no spares."""
    yield from _running(Stack(tmp_path_factory.mktemp("cold") / "data", TAVOLA_SPARES="0"))


def _running(stack: Stack) -> Iterator[Stack]:
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
