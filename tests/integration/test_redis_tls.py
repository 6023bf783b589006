"""A real Redis behind TLS with an authority of its own, which wants a certificate of whoever comes: all that we say to
Redis goes through it alike, by one URL."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from kit.certificates import Authority
from kit.hosts import OPENER, SEALER
from kit.proxy import proxied
from kit.redis_links import both, fresh, is_up, kept
from tavola.config.settings import Settings
from tavola.edge.identity.session_cache import Session, SessionCache
from tavola.storage.online import OnlineReader
from tavola.storage.people import ConnectionBoard
from tavola.storage.redis import RedisPublisher


class TlsFront:
    """Ends TLS in front of the server at `target`. It counts whom it let in; `wire.closed`, who has gone again."""

    def __init__(self, target: str, authority: Authority) -> None:
        self._target = urlsplit(target)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.certificate))
        self._context.load_cert_chain(*authority.issue("localhost"))
        self._context.verify_mode = ssl.CERT_REQUIRED
        # So that a client is judged before it may say anything.
        self._context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.admitted = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[TlsFront]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        port = server.sockets[0].getsockname()[1]
        async with proxied(f"rediss://:{self._target.password}@127.0.0.1:{port}/0") as self.wire:
            yield self
        server.close()

    def url(self, host: str = "localhost") -> str:
        return self.wire.url.replace("127.0.0.1", host)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.admitted += 1
        far_reader, far_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        with closing(writer), closing(far_writer):
            ways = [_copy(reader, far_writer), _copy(far_reader, writer)]
            await asyncio.wait([asyncio.ensure_future(way) for way in ways], return_when=asyncio.FIRST_COMPLETED)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    except OSError:
        return


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def settings(url: str, authority: Authority, **more: str | bool) -> Settings:
    certificate, key = authority.issue("client")
    files = {"redis_ca": authority.certificate, "redis_cert": certificate, "redis_key": key}
    return Settings(redis_url=url, **{name: str(path) for name, path in files.items()} | more)


async def test_links_and_clients_alike(redis_url: str, authority: Authority) -> None:
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
        board, online = ConnectionBoard(url, "edge", SEALER, lambda: 3, lambda: None), OnlineReader(url, OPENER)
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
