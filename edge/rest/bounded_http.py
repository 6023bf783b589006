"""uvicorn's HTTP, within bounds: of a request's size, of the time that its client takes, of connections an address.

uvicorn's own takes a head of any size, parses all of what came before anybody else has a turn, and waits for ever for
who has begun. Here nothing that a client sends or leaves out holds more than `HEAD_LIMIT + BODY_LIMIT` and one read.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, cast

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tavola.edge.common.addresses import Doorman
from tavola.edge.ws.protocol import FRAME_LIMIT
from tavola.edge.ws.websocket import DirectWebSocket

HEAD_LIMIT = 32 * 1024
"""Bytes before the body."""
HEADERS_LIMIT = 100
BODY_LIMIT = FRAME_LIMIT * 4
"""Bytes of a body, and of what is written around it, at which it is not even read to its end. Up to here it is refused
as any other request is."""
CHUNKS_LIMIT = 1000
"""Parts in which a body may come."""
PIPELINE_LIMIT = 8
"""Requests of one connection that wait for the one before them."""
WITHIN_S = 10.0
"""How long a client may take for a request's head, for its body, and to say something at all."""
STALLED_S = 30.0
"""How long a client may leave unread what it asked for."""
PIECE = 4096
"""Bytes that are parsed before it is looked whether there are too many."""

_SAID = {
    400: ("invalid_message", "That is not HTTP as it is spoken here."),
    413: ("message_too_large", "A body has at most 32 KiB."),
    429: ("rate_limited", "There are too many connections from this address."),
    431: ("message_too_large", "Before its body a request has at most 32 KiB, and 100 headers."),
}


class _Refused(Exception):
    """Ends the parser, from within; `status` is what the client is told."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status


class BoundedHttp(HttpToolsProtocol):
    """One connection, until it is a WebSocket's."""

    _name: str | None = None
    """Under which it has entered at the doorman's."""
    _in_head = True
    _chunks = 0
    _taken = 0
    """Bytes of the request that comes in, at least."""
    _late: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def __init__(self, doorman: Doorman, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._doorman = doorman

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()
        peer = self.client[0] if self.client else ""
        if peer and not self._doorman.believes(peer):
            self._enter(peer)

    def _enter(self, host: str) -> bool:
        self._name = self._doorman.enter(host)
        if self._name is None:
            self._refuse(429)
        return self._name is not None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._wait_no_more()
        self.resume_writing()
        if self._name is not None:
            self._doorman.leave(self._name)

    # In

    def data_received(self, data: bytes) -> None:
        for at in range(0, len(data), PIECE):
            if self.transport.is_closing() or not self._feed(data[at : at + PIECE]):
                return

    def _feed(self, piece: bytes) -> bool:
        """Whether there may come more."""
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
                return False
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause.status if isinstance(cause, _Refused) else 400)
            return False
        self._taken += len(piece)
        if self._in_head and self._taken > HEAD_LIMIT:
            self._refuse(431)
        elif self._taken > HEAD_LIMIT + BODY_LIMIT:
            self._refuse(413)
        return True

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._unset_keepalive_if_required()
        self._in_head, self._taken, self._chunks = True, 0, 0
        self._wait()

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) >= HEADERS_LIMIT:
            raise _Refused(431)
        super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._chunks += 1
        if self._chunks > CHUNKS_LIMIT:
            raise _Refused(413)
        super().on_body(body)

    def on_headers_complete(self) -> None:
        if self._taken >= HEAD_LIMIT:
            raise _Refused(431)
        if len(self.pipeline) >= PIPELINE_LIMIT:
            raise _Refused(400)
        self._in_head = False
        self._wait()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        if self.cycle is None or not self.cycle.response_complete:
            self._wait_no_more()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        others = bool(self.pipeline)
        super().on_response_complete()
        if not others:
            self._wait()

    def handle_websocket_upgrade(self) -> None:
        """The socket takes this connection's place: among the connections of its address, too."""
        if self._name is None and (host := self._host_behind_proxy()) and not self._enter(host):
            return
        self._wait_no_more()
        super().handle_websocket_upgrade()
        socket = cast(DirectWebSocket, self.transport.get_protocol())
        if self._name is not None:
            socket.when_lost = partial(self._doorman.leave, self._name)
        if not socket.handshake_initiated:
            # The library that does the handshake reads it more strictly, and says nothing where it does not read on.
            self._refuse(431)

    def _host_behind_proxy(self) -> str:
        peer = self.client[0] if self.client else ""
        return self._doorman.client(self.headers) if peer and self._doorman.believes(peer) else ""

    # The end

    def _refuse(self, status: int) -> None:
        """Requests that came before it and are not answered yet are not answered any more."""
        if self.cycle is not None and not self.cycle.response_complete and self.cycle.response_started:
            self.transport.abort()
            return
        code, message = _SAID[status]
        body = msgspec.json.encode({"error": {"code": code, "message": message}})
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()

    def _wait(self) -> None:
        """It is the client's turn, and not for long."""
        self._wait_no_more()
        self._late = self.loop.call_later(WITHIN_S, self.transport.abort)

    def _wait_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _unsupported_upgrade_warning(self) -> None:
        """Clients that would like another protocol are answered in this one, and that is not worth a line."""


def bounded_http(doorman: Doorman) -> type[asyncio.Protocol]:
    """The class that uvicorn takes for its `http`."""
    return cast(type[asyncio.Protocol], partial(BoundedHttp, doorman))
