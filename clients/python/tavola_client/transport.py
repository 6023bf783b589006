"""The two ways to a server, as the client needs them: requests, and one socket. `tavola load` brings its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec


class HttpReply(msgspec.Struct, frozen=True):
    """`headers` have lower-case names; of several with one name the last is kept."""

    status: int
    headers: dict[str, str]
    body: bytes


class Requester(Protocol):
    """Requests to one origin."""

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> HttpReply:
        """The server's reply, whatever its status. `path` begins with a slash and may have a query. Raises OSError or
        TimeoutError: the request may have been carried out."""


class OpenSocket(Protocol):
    """One open WebSocket. After it was closed or lost, `send` writes nowhere and says nothing."""

    def send(self, payload: bytes) -> None:
        """Writes one text message."""

    def close(self, code: int = 1000) -> None:
        """Says goodbye."""

    def abort(self) -> None:
        """Drops the connection without a word."""

    def pause(self) -> None:
        """Reads nothing until `resume`."""

    def resume(self) -> None: ...


class Dialer(Protocol):
    """Opens a socket."""

    async def __call__(
        self, url: str, receive: Callable[[bytes], None], lost: Callable[[int, str], None], subprotocol: str
    ) -> OpenSocket:
        """An open socket to a `ws://` or `wss://` address. `receive` is called with each text message, `lost` once with
        the close code and reason; neither may raise. Raises OSError or TimeoutError; then `lost` is not called."""
