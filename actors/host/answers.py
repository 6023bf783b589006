"""The answers to the last commands of a room, for senders who send one again: the memory of `actors.host.loaded_room`.

There are sixty-four of these in a room and thousands of rooms in an actor. So who sent a command under which id is one
string, and of a command that was given nothing but its number only the number and the mark of the command are kept, as
one integer: half of what the same would take as objects.
"""

from __future__ import annotations

import msgspec

from tavola.actors.room.codec import text_of
from tavola.actors.wire.commands import AnyCommand, CommandId, Seq, UserId
from tavola.actors.wire.given import NOTHING_GIVEN, Given, NothingGiven, record_of
from tavola.actors.wire.messages import Committed, Refusal
from tavola.actors.wire.refusals import ID_REUSED
from tavola.storage.packing import MARK_BITS, mark_of

Key = tuple[UserId, CommandId]
"""The identity of a command: who sent it, under which id."""

REMEMBERED = 64
"""How many answers are kept in memory for repeated commands. Older ones are found in the log."""


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
    """By command, the newest `REMEMBERED`."""

    __slots__ = ("_given",)

    def __init__(self) -> None:
        self._given: dict[str, int | Answered] = {}

    def __len__(self) -> int:
        return len(self._given)

    def get(self, key: Key) -> Answered | None:
        given = self._given.get(_word(key))
        if given is None or isinstance(given, Answered):
            return given
        return Answered(Seq(given >> MARK_BITS), NOTHING_GIVEN, given & (1 << MARK_BITS) - 1)

    def remember(self, key: Key, answered: Answered) -> bool:
        """Whether the oldest was forgotten for it."""
        nothing = isinstance(answered.give, NothingGiven)
        self._given[_word(key)] = answered.seq << MARK_BITS | answered.mark if nothing else answered
        if len(self._given) <= REMEMBERED:
            return False
        del self._given[next(iter(self._given))]
        return True


def _word(key: Key) -> str:
    """No user's id has a line's end in it."""
    return f"{key[0]}\n{key[1]}"
