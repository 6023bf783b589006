"""Which sites' pages may speak for their visitor."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection


class Origins:
    def __init__(self, allowed: tuple[str, ...], framing: tuple[str, ...] = ()) -> None:
        """`allowed`: none, and it is the edge's own. `framing`: those whose pages may have ours in a frame."""
        self._allowed = allowed
        self._framing = framing

    @property
    def listed(self) -> bool:
        """Whether the deployment names any."""
        return bool(self._allowed)

    def names(self, origin: str) -> bool:
        """Whether the deployment names it."""
        return origin in self._allowed

    def elsewhere(self, request: HTTPConnection) -> bool:
        """Whether the request's page may be of another site, or lie in a frame of one: there a browser keeps and sends
        a cookie only if it is marked for that. A page of another site says so itself; one of ours that is framed does
        not, so where some may frame it, it may be."""
        return bool(self._framing) or request.headers.get("sec-fetch-site") == "cross-site"

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
