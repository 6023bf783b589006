"""The log's bytes: a row's text packed and unpacked, and what stands for a command once its row is gone. A leaf.

A row's body is one byte that says how it is packed, then the text: as it is, or as a block of LZ4 whose dictionary is
`WORDS` and what the row's other columns say. Compressing so costs some 2 µs, and saves Postgres more: a row of a busy
table is a fifth of its text. LZ4, because SQL can read it too (`log_text` in migration 0015): the log can be looked at
with psql, and code that knew only the view `actions` goes on.

`WORDS` never change: another dictionary is another number in the first byte.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files

import lz4.block

PLAIN, LZ4 = b"\0", b"\1"
LZ4_LIMIT = 0xFFFF
"""Bytes of a text that is packed; a longer one is kept as it is, and Postgres makes of it what it can."""
MARK_BITS = 32
ROOMS_KEPT = 4096
"""Rooms of which the first half of the keys is kept."""
WORDS, STATE_WORDS = (
    files("tavola.storage").joinpath(name).read_bytes().replace(b"\n", b"") for name in ("words.txt", "state_words.txt")
)
_ROOM = re.compile("r_[0-9a-f]{16}")


class NotUnpacked(ValueError):
    """No body that anything of ours has packed."""


def pack(text: bytes, room: str, user: str, command: str, at: int) -> bytes:
    """The body of the log's row with these columns."""
    return _packed(text, _words(room, user, command, at))


def unpack(body: bytes, room: str, user: str, command: str, at: int) -> bytes:
    """The text in the body of the log's row with these columns. Raises NotUnpacked."""
    return _unpacked(body, _words(room, user, command, at))


def pack_state(text: bytes, room: str) -> bytes:
    """The body of a checkpoint of a round."""
    return _packed(text, STATE_WORDS + room.encode())


def unpack_state(body: bytes, room: str) -> bytes:
    """The text in it. Raises NotUnpacked."""
    return _unpacked(body, STATE_WORDS + room.encode())


def _packed(text: bytes, words: bytes) -> bytes:
    if len(text) > LZ4_LIMIT:
        return PLAIN + text
    packed: bytes = lz4.block.compress(text, store_size=False, dict=words)
    return LZ4 + packed


def _unpacked(body: bytes, words: bytes) -> bytes:
    kind = body[:1]
    if kind == PLAIN:
        return body[1:]
    if kind != LZ4:
        raise NotUnpacked(f"packing {kind.hex()}")
    try:
        text: bytes = lz4.block.decompress(body[1:], LZ4_LIMIT, dict=words)
    except lz4.block.LZ4BlockError as error:
        raise NotUnpacked("no LZ4") from error
    return text


def _words(room: str, user: str, command: str, at: int) -> bytes:
    """The dictionary of a row: nearest comes what is in no other row's."""
    return b'%b"%b":[null,{"me":{"legal":[]}}]"deadline_ms":%d,{"type":"act","id":"%b","room":"%b","move":"' % (
        WORDS,
        user.encode(),
        at,
        command.encode(),
        room.encode(),
    )


def command_key(room: str, user: str, command: str) -> bytes:
    """The key of a user's command in `commands`, a UUID: 64 bits of the room, so that a room's lie together, and 64 of
    the hash of the rest. `command_key` in migration 0015 is the same."""
    return room_bytes(room) + sha256(f"{user}\n{command}".encode()).digest()[:8]


@lru_cache(ROOMS_KEPT)
def room_bytes(room: str) -> bytes:
    """The first half of the keys of a room's commands."""
    if _ROOM.fullmatch(room) is not None:
        return bytes.fromhex(room[2:])
    return sha256(room.encode()).digest()[:8]


def mark_of(text: bytes) -> int:
    """A checksum of a logged command's text, of `MARK_BITS`: it tells the command from another of the same id."""
    return zlib.crc32(text)


def signed(mark: int) -> int:
    """A mark as a column holds it."""
    return mark - (mark >> MARK_BITS - 1 << MARK_BITS)


def unsigned(mark: int) -> int:
    return mark & (1 << MARK_BITS) - 1
