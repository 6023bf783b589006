"""The messages between actors and the pooler of their node: a length of four bytes, then MessagePack. All that one turn
of the loop has to say leaves in one, a list of (number, request) one way and of (number, answer) the other."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import Any, cast

import msgspec

from tavola.storage.rows import LogRow, Records, StateRow

MESSAGE_LIMIT = 64 << 20
BUFFER_LIMIT = 64 << 20
"""Bytes that may wait to be written to the other end; more, and the stream is cut."""


class Ask(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Run a named query, its arguments in the order of its names."""

    query: str
    arguments: list[Any]
    within_s: float | None = None


class Together(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """Run these in one transaction; the rows of the last are wanted."""

    steps: list[tuple[str, list[Any]]]


class Write(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """Commit a batch, as `storage.commits.commit` does."""

    states: list[StateRow]
    log: list[LogRow]
    records: Records


class Ping(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """Answered at once, whatever Postgres does."""


class RowsFound(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """The rows of a query."""

    columns: list[str]
    rows: list[list[Any]]


class RoomsWritten(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """The rooms of the batch that were written; the others are fenced."""

    rooms: list[str]


class Unavailable(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """As `StorageUnavailable`."""

    reason: str
    unknown: bool
    full: bool = False


class Conflicting(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """As `Conflict`."""

    constraint: str


class Pong(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """The pooler's loop goes round."""


PoolerRequest = Ask | Together | Write | Ping
PoolerAnswer = RowsFound | RoomsWritten | Unavailable | Conflicting | Pong

_encode = msgspec.msgpack.Encoder().encode


class PoolerStream(asyncio.Protocol):
    """The part that both ends share: framing and gathering. A message that the other end would not send cuts it."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._gathered: list[tuple[int, Any]] = []
        self._loop = asyncio.get_running_loop()

    @abstractmethod
    def take(self, message: bytes) -> None:
        """A message of the other end. Raises `msgspec.MsgspecError` if it is none."""

    @abstractmethod
    def closed(self) -> None:
        """The stream is cut, and both ends learn of it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        buffer = self._received
        buffer += data
        start, end = 0, len(buffer)
        while end - start >= 4 and self.transport is not None:
            size = int.from_bytes(buffer[start : start + 4], "big")
            if size > MESSAGE_LIMIT:
                self.cut()
                return
            if end - start - 4 < size:
                break
            message = bytes(buffer[start + 4 : start + 4 + size])
            start += 4 + size
            try:
                self.take(message)
            except msgspec.MsgspecError:
                self.cut()
                return
        if start:
            del buffer[:start]

    def connection_lost(self, error: Exception | None) -> None:
        self.cut()

    def send(self, number: int, body: PoolerRequest | PoolerAnswer) -> None:
        """Sent with whatever else there is to say in this turn."""
        if not self._gathered:
            self._loop.call_soon(self._flush)
        self._gathered.append((number, body))

    def _flush(self) -> None:
        gathered, self._gathered = self._gathered, []
        if self.transport is not None and gathered:
            message = _encode(gathered)
            self.transport.write(len(message).to_bytes(4, "big") + message)
            if self.transport.get_write_buffer_size() > BUFFER_LIMIT:
                self.cut()

    def cut(self) -> None:
        """Close at once. Cutting twice is cutting once."""
        transport, self.transport = self.transport, None
        if transport is not None:
            transport.abort()
            self.closed()
