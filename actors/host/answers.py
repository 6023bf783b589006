"""The answers to the last commands of a room, for senders who send one again: the memory of `actors.host.loaded_room`.

There are sixty-four of these in a room and thousands of rooms in an actor. So of who sent a command under which id only
a hash is kept, beside the number that it was given and its own mark, all in one array: a sixth of what the same would
take as objects.
"""

from __future__ import annotations

from struct import Struct

import msgspec

from tavola.actors.log.logged import text_of
from tavola.actors.wire.commands import AnyCommand, CommandId, Seq, UserId
from tavola.actors.wire.given import NOTHING_GIVEN, Given, NothingGiven, record_of
from tavola.actors.wire.messages import Committed, Refusal
from tavola.actors.wire.refusals import ID_REUSED
from tavola.storage.packing import mark_of

Key = tuple[UserId, CommandId]
"""The identity of a command: who sent it, under which id."""

REMEMBERED = 64
"""How many answers are kept in memory for repeated commands. Older ones are found in the log."""


_ENTRY = Struct("<qQL")
"""A command's hash, the number of its update, and its mark."""
_WIDTH = _ENTRY.size
_hashed = Struct("<q").pack


class Answered(msgspec.Struct, frozen=True):
    """The answer to a command that was committed at `seq`. `mark` tells it from another one of the same id."""

    seq: Seq
    give: Given
    mark: int

    def again(self, command: AnyCommand) -> Committed | Refusal:
        """The answer to `command`, which came under the same id."""
        return Committed(self.seq, record_of(self.give)) if marked(command) == self.mark else ID_REUSED


def marked(command: AnyCommand) -> int:
    """The mark of a command: `mark_of` its `text_of`."""
    return mark_of(text_of(command))


class Answers:
    """By command, the newest `REMEMBERED`. Commands are known by Python's hash, which is keyed anew in each process:
    nobody can make two of them meet, and by chance two of 64 do once in 10^17."""

    __slots__ = ("_entries", "_given", "_next")

    def __init__(self) -> None:
        self._entries = bytearray()
        self._given: dict[int, Given] = {}
        """By place, of those that were given something."""
        self._next = 0
        """The place of the next; once all are taken, that of the oldest."""

    def __len__(self) -> int:
        return len(self._entries) // _WIDTH

    def get(self, key: Key) -> Answered | None:
        entries, hashed = self._entries, _hashed(hash(key))
        at = entries.find(hashed)
        while at % _WIDTH and at >= 0:
            at = entries.find(hashed, at + 1)
        if at < 0:
            return None
        _, seq, mark = _ENTRY.unpack_from(entries, at)
        return Answered(Seq(seq), self._given.get(at // _WIDTH, NOTHING_GIVEN), mark)

    def remember(self, key: Key, answered: Answered) -> bool:
        """Of a command that is not remembered. Whether the oldest was forgotten for it."""
        place, entry = self._next, _ENTRY.pack(hash(key), answered.seq, answered.mark)
        at = place * _WIDTH
        forgets = at < len(self._entries)
        self._entries[at : at + _WIDTH] = entry
        self._next = (place + 1) % REMEMBERED
        if self._given:
            self._given.pop(place, None)
        if answered.give is not NOTHING_GIVEN and not isinstance(answered.give, NothingGiven):
            self._given[place] = answered.give
        return forgets
