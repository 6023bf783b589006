"""Where Redis is and how it is reached, for our own links and for redis-py's clients alike: one server, or whichever
server the Sentinels name as the master; plain or with TLS, by a socket of the machine or by the network.

`redis://`, `rediss://` and `unix://` are read as redis-py reads them, its options of TLS included (`ssl_ca_certs`,
`ssl_certfile`, `ssl_keyfile`, `ssl_check_hostname`, …). `redis+sentinel://user:password@one:26379,two:26379/name/0` and
`rediss+sentinel://…` name Sentinels and the master's name; `sentinel_username` and `sentinel_password` are theirs.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import redis.asyncio
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
SENTINEL_PORT = 26379
SENTINEL_WITHIN_S = 1.0
"""How long one Sentinel has to answer before the next is asked."""

P = TypeVar("P", bound=asyncio.Protocol)


class RedisAddress:
    """A Redis by its URL. Raises `ValueError`, which shows nothing of a password, if that cannot be read."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES:
            raise ValueError(f"must begin with {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
        self._sentinels: list[tuple[str, int]] = []
        self.master = ""
        """The name by which the Sentinels know the server; empty when there are none."""
        if parts.scheme.endswith("+sentinel"):
            hosts = parts.netloc.rpartition("@")[2]
            self._sentinels = [_host_and_port(each) for each in hosts.split(",")]
            self.master, _, database = parts.path.strip("/").partition("/")
            if not self.master:
                raise ValueError("must name the master after the Sentinels: redis+sentinel://host:26379/mymaster/0")
            user = parts.netloc[: -len(hosts)]
            plain = (parts.scheme.removesuffix("+sentinel"), f"{user}sentinel.invalid", f"/{database}", parts.query, "")
            url = urlunsplit(plain)
        self._url = url
        self._options: dict[str, Any] = {**parse_url(url)}
        self._theirs = {
            name: value
            for name in ("username", "password")
            if (value := self._options.pop(f"sentinel_{name}", None)) is not None
        }
        self._secure = self._options.pop("connection_class", None) is SSLConnection
        self._tls = {name: value for name, value in self._options.items() if name.startswith("ssl_")}

    @property
    def servers(self) -> list[tuple[str, int]]:
        """Where it is, or its Sentinels are, if they are reached by the network: host and port."""
        if self._sentinels or self._options.get("path"):
            return [*self._sentinels]
        return [(self._options.get("host", "localhost"), self._options.get("port", 6379))]

    @property
    def greeting(self) -> list[list[str]]:
        """The commands with which a connection begins; each is answered without an error."""
        options, words = self._options, []
        if options.get("password"):
            user = [options["username"]] if options.get("username") else []
            words.append(["AUTH", *user, options["password"]])
        if options.get("db"):
            words.append(["SELECT", str(options["db"])])
        return [*words, ["PING"]]

    async def connect(self, make: Callable[[], P]) -> P:
        """A connection to the server, or to the present master. Raises `OSError` (a certificate that does not fit is
        one, and so is that no Sentinel knows a master)."""
        loop = asyncio.get_running_loop()
        if path := self._options.get("path"):
            return (await loop.create_unix_connection(make, path))[1]
        host, port = self._options.get("host", "localhost"), self._options.get("port", 6379)
        if self._sentinels:
            host, port = await self._named()
        return (await loop.create_connection(make, host, port, ssl=self._context()))[1]

    def client(self, *, within_s: float, most: int = 8, **options: Any) -> redis.asyncio.Redis:
        """One of redis-py, with at most `most` connections, each of which answers `within_s` or has failed: nothing is
        tried twice. To be closed with its pool."""
        times = {"socket_timeout": within_s, "socket_connect_timeout": within_s, "retry": Retry(NoBackoff(), 0)}
        if self._sentinels:
            own = {name: value for name, value in self._options.items() if name not in ("host", "port")}
            given = {**own, **times, **options, "max_connections": most, "ssl": self._secure}
            manager = self._manager()
            client: _MasterClient = manager.master_for(self.master, _MasterClient, **given)
            client.sentinels = manager.sentinels
            return client
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            self._url, max_connections=most, timeout=within_s, **times, **options
        )
        return redis.asyncio.Redis(connection_pool=pool)

    def _manager(self) -> Sentinel:
        theirs: dict[str, Any] = {**self._theirs, **self._tls, "socket_timeout": SENTINEL_WITHIN_S}
        theirs |= {"socket_connect_timeout": SENTINEL_WITHIN_S, "retry": Retry(NoBackoff(), 0), "ssl": self._secure}
        return Sentinel(self._sentinels, sentinel_kwargs=theirs)  # type: ignore[no-untyped-call]

    async def _named(self) -> tuple[str, int]:
        """The master's address, as the Sentinels say."""
        manager = self._manager()
        try:
            host, port = await manager.discover_master(self.master)
        except RedisError as error:
            raise OSError(str(error)) from error
        finally:
            for each in manager.sentinels:
                await each.aclose()
        return host, port

    def _context(self) -> ssl.SSLContext | None:
        """As redis-py makes it of the same options."""
        return SSLConnection(**self._tls).ssl_context.get() if self._secure else None


class _MasterClient(redis.asyncio.Redis):
    """It also closes the connections to those who name its master."""

    sentinels: Sequence[redis.asyncio.Redis] = ()

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        for each in self.sentinels:
            await each.aclose()


def _host_and_port(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("must name Sentinels as host:port, separated by commas")
    return parts.hostname, parts.port or SENTINEL_PORT
