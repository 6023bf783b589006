"""The last updates of a room, encoded: what a whole view shows under `recent`. Of a room that nobody uses they are
packed: they are most of what it takes, and say nearly the same over and over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import lz4.block
import msgspec

from tavola.actors.wire.view import RECENT

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[bytes]).decode


class RecentUpdates:
    """The newest `RECENT`, oldest first."""

    __slots__ = ("_messages",)

    def __init__(self, messages: Iterable[bytes]) -> None:
        self._messages: deque[bytes] | bytes = deque(messages, maxlen=RECENT)

    def __iter__(self) -> Iterator[bytes]:
        return iter(_unpacked(self._messages) if isinstance(self._messages, bytes) else self._messages)

    def append(self, message: bytes) -> None:
        if isinstance(self._messages, bytes):
            self._messages = deque(_unpacked(self._messages), maxlen=RECENT)
        self._messages.append(message)

    def pack(self) -> None:
        """Until the next is appended."""
        if not isinstance(self._messages, bytes):
            self._messages = lz4.block.compress(_encode(list(self._messages)))


def _unpacked(packed: bytes) -> list[bytes]:
    return _decode(lz4.block.decompress(packed))
