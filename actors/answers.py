"""What the last commands of a room were given, for whoever sends one again: the memory of `actors.slot`.

There are sixty-four of these in a room and thousands of rooms in an actor. So who sent a command under which id is one
string, and of a command that was given nothing but its number only the number is kept: half of what the same would take
as objects.
"""

from __future__ import annotations

from typing import Any

import msgspec

from actors.commands import CommandId, Seq, UserId

Key = tuple[UserId, CommandId]
"""What makes a command one: who sent it, under which id."""

REMEMBERED = 64
"""How many answers are kept in memory for repeated commands. Older ones are found in the log."""


class Answered(msgspec.Struct, frozen=True):
    """What a command that was committed at `seq` was given."""

    seq: Seq
    give: dict[str, Any]


class Answers:
    """By command, the newest `REMEMBERED`."""

    __slots__ = ("_given",)

    def __init__(self) -> None:
        self._given: dict[str, Seq | Answered] = {}

    def __len__(self) -> int:
        return len(self._given)

    def get(self, key: Key) -> Answered | None:
        given = self._given.get(_word(key))
        return given if given is None or isinstance(given, Answered) else Answered(given, {})

    def remember(self, key: Key, answered: Answered) -> bool:
        """Whether the oldest was forgotten for it."""
        self._given[_word(key)] = answered if answered.give else answered.seq
        if len(self._given) <= REMEMBERED:
            return False
        del self._given[next(iter(self._given))]
        return True


def _word(key: Key) -> str:
    """No user's id has a line's end in it."""
    return f"{key[0]}\n{key[1]}"
