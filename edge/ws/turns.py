"""PollTurns: after which rooms the database is asked next. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

LOOKED_AT = 4000
"""Rooms of which it is looked at once whether somebody tells of them: a millisecond."""


class PollTurns(Generic[T]):
    """Those of which nobody tells come as often as may be, the others now and then. `everything` gives all, and
    `is_told` says of one whether somebody tells of it now."""

    def __init__(self, everything: Callable[[], list[T]], is_told: Callable[[T], bool]) -> None:
        self._all = everything
        self._is_told = is_told
        self._unseen: list[T] = []
        """These are to be looked at before it begins again."""
        self._untold: dict[T, None] = {}
        self._found: dict[T, None] = {}
        """The untold, as far as they were found since it last began again."""
        self._round: list[T] = []
        self._sure: list[T] = []

    def look(self) -> None:
        """Look who tells of some more of them."""
        self._unseen = self._unseen or self._all()
        for one in self._unseen[-LOOKED_AT:]:
            if self._is_told(one):
                self._untold.pop(one, None)
            else:
                self._untold[one] = self._found[one] = None
        del self._unseen[-LOOKED_AT:]
        if not self._unseen:
            self._untold, self._found = self._found, {}

    def untold(self, most: int) -> list[T]:
        """The next of which nobody tells; when all had their turn, it begins again."""
        self._round = self._round or list(self._untold)
        return self.rest(most)

    def rest(self, most: int) -> list[T]:
        """More of those that have not had their turn yet; none, when all had."""
        turn = self._round[-most:]
        del self._round[-most:]
        return turn

    def told(self, most: int) -> list[T]:
        """The next of the others."""
        self._sure = self._sure or self._all()
        turn = self._sure[-most:]
        del self._sure[-most:]
        return [one for one in turn if one not in self._untold]
