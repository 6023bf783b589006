"""Which sites' pages may speak for their visitor."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection


class Origins:
    def __init__(self, allowed: tuple[str, ...]) -> None:
        """None: the edge's own."""
        self._allowed = allowed

    def allow(self, connection: HTTPConnection) -> bool:
        """Whether the request or handshake may come from where it says. A client that is no browser says nothing."""
        origin = connection.headers.get("origin")
        if origin is None:
            return True
        if self._allowed:
            return origin in self._allowed
        try:
            return urlsplit(origin).netloc == connection.headers.get("host")
        except ValueError:  # It is no address at all.
            return False
