"""TLS in front of a Redis, with an authority of its own, which wants a certificate of whoever comes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

from kit.certificates import Authority
from kit.proxy import proxied


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
        try:
            async with proxied(f"rediss://:{self._target.password}@127.0.0.1:{port}/0") as self.wire:
                yield self
        finally:
            server.close()

    def url(self, host: str = "localhost") -> str:
        return self.wire.url.replace("127.0.0.1", host)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.admitted += 1
        with closing(writer), suppress(OSError):  # Redis may be away.
            far_reader, far_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
            with closing(far_writer):
                ways = [_copy(reader, far_writer), _copy(far_reader, writer)]
                await asyncio.wait([asyncio.ensure_future(way) for way in ways], return_when=asyncio.FIRST_COMPLETED)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    except OSError:
        return


def redis_files(authority: Authority) -> dict[str, Path]:
    """The files that a client needs, by the names of their settings."""
    certificate, key = authority.issue("client")
    return {"REDIS_CA": authority.certificate, "REDIS_CERT": certificate, "REDIS_KEY": key}
