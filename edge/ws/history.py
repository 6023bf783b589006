"""Where somebody stands in a room's history, and whether that is the one that the log has.

A number alone does not tell: the database may have gone back, and given it to another update since. A number and its
epoch do.
"""

from __future__ import annotations

from typing import NamedTuple

from tavola.actors.log.logged import update_of
from tavola.actors.wire.commands import Epoch, RoomId, Seq
from tavola.actors.wire.update import Update
from tavola.storage.rows import Row


class Held(NamedTuple):
    """The part of a room's history that a client says it has: the last seq that it was sent, and the epoch of that,
    if it knows of epochs."""

    seq: int
    epoch: int | None = None

    def is_in(self, rows: list[Row]) -> bool:
        """Whether the room's history has it, by the rows of `gap` after it."""
        return self.seq == 0 or self.epoch is None or self.epoch == rows[0]["held"]


class Shown(NamedTuple):
    """The last update that somebody here was shown."""

    seq: Seq
    epoch: Epoch

    def is_in(self, rows: list[Row]) -> bool:
        """Whether the room's history has it, by the rows of `log_from` that one. Nothing is held against what is not in
        the log though the room has gone beyond it: the log of a closed room may be removed."""
        if not rows or rows[0]["stands"] < self.seq:
            return False
        there: tuple[int | None, int | None] = (rows[0]["seq"], rows[0]["epoch"])
        return there[0] != self.seq or there[1] == self.epoch

    def missed(self, room: RoomId, rows: list[Row]) -> list[Update]:
        """The updates that came after it, by the same rows."""
        updates, prior = [], self.epoch
        for row in rows:
            if row["seq"] is not None and row["seq"] > self.seq:
                updates.append(update_of(room, row, prior))
                prior = Epoch(row["epoch"])
        return updates
