"""A Redis that is told not to answer what is published: it is heard all the same, and what it refuses is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import redis
from structlog.testing import capture_logs

from kit.hosts import OPENER, SEALER
from kit.redis_links import Heard, both, fresh, is_up, kept
from tavola.storage.redis import RedisPublisher, Subscriber


@contextmanager
def somebody_who_may(redis_url: str, *rules: str) -> Iterator[str]:
    """The URL of a user of this Redis to whom these rules apply beside all the rest being allowed."""
    name = fresh()
    with redis.Redis.from_url(redis_url) as client:
        client.execute_command("ACL", "SETUSER", name, "on", ">word", "~*", "&*", "+@all", *rules)
        try:
            url = urlsplit(redis_url)
            yield url._replace(netloc=f"{name}:word@{url.netloc.rpartition('@')[2]}").geturl()
        finally:
            client.execute_command("ACL", "DELUSER", name)


def published(redis_url: str) -> int:
    with redis.Redis.from_url(redis_url) as client:
        return int(client.info("commandstats").get("cmdstat_publish", {}).get("calls", 0))


async def test_what_is_published_is_not_answered(redis_url: str) -> None:
    """But for the first, and one whenever it is asked whether it lives."""
    async with both(redis_url) as (publisher, subscriber, heard):
        answers: list[object] = []
        assert publisher._stream is not None
        publisher._stream._take = answers.append
        room = fresh()
        await subscriber.follow(room)
        before = published(redis_url)
        for seq in range(500):
            publisher.publish(room, 1, seq, b"x")
        assert len(await heard.has(500)) == 500
        assert published(redis_url) - before >= 500
        assert len(answers) <= 10, "each of them was answered"


async def test_what_redis_refuses_is_told(redis_url: str) -> None:
    with somebody_who_may(redis_url, "-publish") as url, capture_logs() as logs:
        publisher = RedisPublisher(url, SEALER)
        async with kept(publisher):
            await is_up(publisher)
            publisher.publish(fresh(), 1, 1, b"x")
            async with asyncio.timeout(20):
                while not any(entry["event"] == "redis.refused" for entry in logs):
                    await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.005)
            assert publisher.up


async def test_a_redis_that_cannot_be_told_answers_everything(redis_url: str) -> None:
    heard, room = Heard(), fresh()
    with somebody_who_may(redis_url, "-client") as url, capture_logs() as logs:
        publisher, subscriber = RedisPublisher(url, SEALER), Subscriber(redis_url, OPENER, heard)
        async with kept(publisher), kept(subscriber):
            await is_up(publisher, subscriber)
            await subscriber.follow(room)
            for seq in range(3):
                publisher.publish(room, 1, seq, b"x")
            assert len(await heard.has(3)) == 3
    assert not [entry for entry in logs if entry["event"] == "redis.refused"]
