"""Redis as a wake-up, on a real one behind a proxy: links come back by themselves, and nothing waits for them."""

from __future__ import annotations

import asyncio

import redis

from kit.hosts import OPENER, SEALER
from kit.proxy import proxied
from kit.redis_links import Heard, both, fresh, is_up, kept
from tavola.storage.redis import RedisPublisher, Subscriber, room_channel


async def test_who_follows_hears_what_is_published(redis_url: str) -> None:
    async with both(redis_url) as (publisher, subscriber, heard):
        room, other = fresh(), fresh()
        await subscriber.follow(room)
        publisher.publish(other, 1, 1, b"not followed")
        for message in (b"one", b"\x00\r\n$5\r\n", b"x" * 200_000, b""):
            publisher.publish(room, 1, 1, message)
        messages = await heard.has(4)
        assert messages == [(room, b"one"), (room, b"\x00\r\n$5\r\n"), (room, b"x" * 200_000), (room, b"")]
        assert publisher.dropped == 0


async def test_following_is_done_when_follow_returns(redis_url: str) -> None:
    async with both(redis_url) as (_, subscriber, heard):
        rooms = [fresh() for _ in range(50)]
        await asyncio.gather(*(subscriber.follow(room) for room in rooms))
        with redis.Redis.from_url(redis_url) as client:
            for room in rooms:
                assert client.publish(room_channel(room), SEALER.seal(room_channel(room), b"x")) == 1
        assert len(await heard.has(50)) == 50


async def test_who_follows_no_more_hears_no_more(redis_url: str) -> None:
    async with both(redis_url) as (publisher, subscriber, heard):
        left, kept_room = fresh(), fresh()
        await asyncio.gather(subscriber.follow(left), subscriber.follow(kept_room))
        subscriber.unfollow(left)
        subscriber.unfollow("never followed")
        await subscriber.follow(fresh())
        publisher.publish(left, 1, 1, b"x")
        publisher.publish(kept_room, 1, 1, b"y")
        assert await heard.has(1) == [(kept_room, b"y")]


async def test_links_come_back_with_all_that_was_followed(redis_url: str) -> None:
    async with proxied(redis_url) as proxy, both(proxy.url) as (publisher, subscriber, heard):
        room, meanwhile = fresh(), fresh()
        await subscriber.follow(room)
        proxy.go_away()
        await is_up(publisher, subscriber, up=False)
        assert proxy.refused >= 2
        publisher.publish(room, 1, 1, b"lost")
        assert publisher.health == (False, 1, 1, 0)
        await subscriber.follow(meanwhile)
        proxy.come_back()
        await is_up(publisher, subscriber)
        await subscriber.follow(fresh())
        publisher.publish(room, 1, 1, b"one")
        publisher.publish(meanwhile, 1, 1, b"two")
        assert await heard.has(2) == [(room, b"one"), (meanwhile, b"two")]


async def test_without_redis_nothing_waits_and_nothing_fails() -> None:
    url = "redis://127.0.0.1:1/0"
    publisher, subscriber = RedisPublisher(url, SEALER), Subscriber(url, OPENER, Heard())
    async with kept(publisher), kept(subscriber):
        async with asyncio.timeout(1):
            await subscriber.follow("r")
            subscriber.unfollow("r")
            publisher.publish("r", 1, 1, b"x")
        assert publisher.dropped == 1
        assert not publisher.up


async def test_a_wrong_password_is_no_link(redis_url: str) -> None:
    async with proxied(redis_url) as proxy:
        head, _, tail = proxy.url.rpartition("@")
        wrong = f"redis://:wrong@{tail}" if head else proxy.url.replace("://", "://:wrong@")
        publisher = RedisPublisher(wrong, SEALER)
        async with kept(publisher):
            await proxy.pulse.until(lambda: proxy.closed >= 2)
            assert not publisher.up
