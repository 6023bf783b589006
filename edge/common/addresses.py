"""From where clients come: what counts as one address, which proxies are believed, how many connections each has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address

import structlog
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

log = structlog.get_logger()

_NAME_LIMIT = 64


def party(host: str) -> str:
    """The network that counts as one address: an IPv4 address, or the 64 bits of network that every host with IPv6 is
    given."""
    try:
        address = ip_address(host)
    except ValueError:
        return host[:_NAME_LIMIT]
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> 64 << 64))


class Doorman:
    """Counts connections. One that enters leaves once."""

    def __init__(self, most: int, proxies: Iterable[str] = ()) -> None:
        """At most so many from one address, 0 for any number; `proxies` are addresses and networks."""
        self._most = most
        self._here: Counter[str] = Counter()
        self._proxies = ProxyHeadersMiddleware(_nowhere, list(proxies)).trusted_hosts

    def believes(self, peer: str) -> bool:
        """Whether that is one of our proxies: what it says of where its clients come from is so."""
        return peer in self._proxies

    def enter(self, host: str) -> str | None:
        """Under which name it has entered; None if as many as may have come from there already."""
        name = party(host)
        if self._most and self._here[name] >= self._most:
            log.info("http.too_many_connections", address=name, most=self._most)
            return None
        self._here[name] += 1
        return name

    def leave(self, name: str) -> None:
        self._here[name] -= 1
        if not self._here[name]:
            del self._here[name]

    def client(self, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """From where a request comes, by the headers that a proxy of ours gave it; empty if they do not say."""
        said = b", ".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1")
        return self._proxies.get_trusted_client_address(said)[0]


async def _nowhere(*_: object) -> None: ...
