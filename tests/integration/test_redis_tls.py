"""A real Redis behind TLS with an authority of its own, which wants a certificate of whoever comes: all that we say to
Redis goes through it alike, by one URL."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kit.certificates import Authority
from kit.hosts import OPENER, SEALER
from kit.redis_links import both, fresh, is_up, kept
from kit.redis_tls import TlsFront, redis_files
from kit.waiting import WITHIN_S
from tavola.config.settings import Settings
from tavola.edge.identity import session_cache
from tavola.edge.identity.session_cache import Session, SessionCache
from tavola.storage.online import OnlineReader
from tavola.storage.people import ConnectionBoard
from tavola.storage.redis import RedisPublisher


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def settings(url: str, authority: Authority, **more: str | bool) -> Settings:
    files = {name.lower(): path for name, path in redis_files(authority).items()}
    return Settings(redis_url=url, **{name: str(path) for name, path in files.items()} | more)


async def test_links_and_clients_alike(redis_url: str, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_cache, "WITHIN_S", WITHIN_S)
    async with TlsFront(redis_url, authority).running() as front:
        url = settings(front.url(), authority).redis_url
        async with both(url) as (publisher, subscriber, heard):
            room = fresh()
            await subscriber.follow(room)
            publisher.publish(room, 1, 1, b"one")
            assert await heard.has(1) == [(room, b"one")]
        assert front.admitted == 2
        cache = SessionCache(url, SEALER, OPENER)
        session = Session("u", "U", 1, 1, 60_000)
        await cache.put(b"sid", session, 60_000)
        assert await cache.get(b"sid") == session
        board, online = ConnectionBoard(url, "edge", SEALER, lambda: (3, 0), lambda: None), OnlineReader(url, OPENER)
        async with kept(board):
            await is_up(board)
            async with asyncio.timeout(10):
                while (counts := await online.counts()) is None or not counts.sockets:
                    pass
        assert counts.sockets == {"edge": 3}
        await cache.close()
        await online.close()
        assert front.admitted >= 5


@pytest.mark.parametrize("missing", ["authority", "certificate", "name"])
async def test_whatever_is_wrong_keeps_the_link_away(redis_url: str, authority: Authority, missing: str) -> None:
    async with TlsFront(redis_url, authority).running() as front:
        if missing == "authority":
            url = front.url()
        elif missing == "certificate":
            url = f"{front.url()}?ssl_ca_certs={authority.certificate}"
        else:
            url = settings(front.url("127.0.0.1"), authority).redis_url
        publisher = RedisPublisher(url, SEALER)
        async with kept(publisher):
            await front.wire.pulse.until(lambda: front.wire.closed)
            assert not publisher.up
            publisher.publish("room", 1, 1, b"x")
            assert publisher.dropped == 1
        cache = SessionCache(url, SEALER, OPENER)
        assert await cache.get(b"sid") is None
        await cache.close()
        assert front.admitted == 0


async def test_another_name_by_setting(redis_url: str, authority: Authority) -> None:
    async with TlsFront(redis_url, authority).running() as front:
        publisher = RedisPublisher(
            settings(front.url("127.0.0.1"), authority, redis_check_hostname=False).redis_url, SEALER
        )
        async with kept(publisher):
            await is_up(publisher)
        assert front.admitted == 1
