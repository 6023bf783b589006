"""Real servers for the tests: one Postgres and one Redis a session, a fresh database and an empty Redis a test."""

import asyncio
import shutil
from collections.abc import Iterator
from itertools import count
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import redis
from hypothesis import settings

from storage.embedded_postgres import EmbeddedPostgres
from storage.embedded_redis import EmbeddedRedis

# For `make long`; tests/property/kit_examples.py says who follows it.
settings.register_profile("long", max_examples=2000)

_numbers = count(1)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server without any table of ours."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    yield asyncio.run(server.start())
    asyncio.run(server.stop())
    shutil.rmtree(server.folder)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    yield asyncio.run(server.start())
    asyncio.run(server.stop())
    shutil.rmtree(server.folder)


@pytest.fixture(scope="session")
def template(postgres_server: str) -> str:
    """The name of a database with all migrations applied and nothing in it."""
    from storage.postgres import migrate

    asyncio.run(_execute(postgres_server, "CREATE DATABASE template_tavola"))
    asyncio.run(migrate(_database(postgres_server, "template_tavola")))
    return "template_tavola"


@pytest.fixture
def database_url(postgres_server: str, template: str) -> Iterator[str]:
    """A migrated, empty database of the test's own."""
    name = f"test_{next(_numbers)}"
    asyncio.run(_execute(postgres_server, f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield _database(postgres_server, name)
    asyncio.run(_execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """An empty Redis. Channels are shared by all of a session's tests, so name them after a fresh room."""
    with redis.Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
