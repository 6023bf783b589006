"""How often a room's state is kept as a checkpoint: after so many rounds, or so many updates. Every update is durable
by itself, in state and log; a checkpoint is where a replay begins, and what a room can be rebuilt from."""

from __future__ import annotations

import re
from typing import NamedTuple

UPDATES_LIMIT = 1000
"""A checkpoint is kept at the latest after so many updates, however long a round is: none is too far to be replayed."""

_TEXT = re.compile(r"\s*(?:([1-9]\d{0,5})\s*)?(hands?|moves?)\s*")


class CheckpointEvery(NamedTuple):
    """At the start of every so many rounds, or, if that is 0, after every so many updates."""

    rounds: int = 1
    updates: int = UPDATES_LIMIT

    @classmethod
    def of(cls, text: str) -> CheckpointEvery:
        """Of a setting such as `hand`, `5 hands` or `200 moves`. Raises `ValueError`."""
        told = _TEXT.fullmatch(text)
        if told is None:
            raise ValueError("must be such as hand, 5 hands or 200 moves")
        count = int(told[1] or 1)
        if told[2].startswith("hand"):
            return cls(rounds=count)
        if count > UPDATES_LIMIT:
            raise ValueError(f"must be at most {UPDATES_LIMIT} moves")
        return cls(rounds=0, updates=count)

    def at_round(self, number: int) -> bool:
        """Whether one is due at the start of the round of that number, from 1."""
        return self.rounds > 0 and (number - 1) % self.rounds == 0

    def at_update(self, seq: int) -> bool:
        return seq % self.updates == 0


EVERY_HAND = CheckpointEvery()
