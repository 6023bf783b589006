"""A place in the feed: which transactions' work its reader has seen. Pure.

Places are read from what clients send, who may send anything; no place shows more than another.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error

import msgspec
from msgspec.structs import replace

LENGTH_LIMIT = 8192
"""Characters of a cursor."""
OVERLAP_MS = 3_600_000
"""How far back a reader goes, by the updates' own times, whose place is one in another database: after a failover, or
when a backup was put back."""
BIGINT = 2**63 - 1
OPEN_LIMIT = 1000


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """The transactions before `ceiling`, but for those in `open`."""

    ceiling: int = 0
    open: tuple[int, ...] = ()

    @property
    def sound(self) -> bool:
        return 0 <= self.ceiling <= BIGINT and len(self.open) <= OPEN_LIMIT and all(0 <= x <= BIGINT for x in self.open)


def seen(snapshot: str, last: int) -> Seen:
    """The transactions that a snapshot (Postgres's text) shows the work of, up to `last`, which wrote something.

    Later ones are left out, although some have ended: those that came to nothing need not be on disk, and after a crash
    of Postgres their numbers would be given to others.
    """
    _, ceiling, listed = snapshot.split(":")
    top = min(int(ceiling), last + 1)
    return Seen(top, tuple(each for each in map(int, filter(None, listed.split(","))) if each < top))


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """A reader's place in the database `here`. They were told of what `before` has seen, or what was decided before
    `since` (ms); and, where there is an `end`, of what that has seen beside it in rooms up to `seq` of `room`. `at` is
    when `before` was taken, `end_at` when `end` was; by Postgres's clock, in ms."""

    here: str = ""
    before: Seen = Seen()
    at: int = 0
    since: int = 0
    end: Seen | None = None
    end_at: int = 0
    room: str = ""
    seq: int = 0

    def text(self) -> str:
        """The cursor as clients have it."""
        return urlsafe_b64encode(_encode(self)).decode().rstrip("=")

    @property
    def sound(self) -> bool:
        numbers = (self.at, self.since, self.end_at, self.seq)
        ends = self.end is None or self.end.sound
        return self.before.sound and ends and all(0 <= each <= BIGINT for each in numbers) and self.room.isprintable()

    def in_database(self, here: str) -> Cursor:
        """The place to go on from, where the database is `here`."""
        if self.here == here:
            return self
        since = min(self.since or BIGINT, max(0, self.at - OVERLAP_MS)) if self.here else 0
        return Cursor(here, at=self.at, since=since)

    def opened(self, end: Seen, at: int) -> Cursor:
        """At the beginning of a window that ends so."""
        return replace(self, end=end, end_at=at, room="", seq=0)

    def told(self, room: str, seq: int) -> Cursor:
        """After this update."""
        return replace(self, room=room, seq=seq)

    @property
    def closed(self) -> Cursor:
        """At the end of its window."""
        return self if self.end is None else Cursor(self.here, self.end, self.end_at)


def read(text: str) -> Cursor | None:
    """The cursor that a client sent; None: it is none."""
    if len(text) > LENGTH_LIMIT:
        return None
    try:
        cursor = _decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (Error, ValueError, msgspec.MsgspecError):
        return None
    return cursor if cursor.sound else None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Cursor).decode
