"""Rows as their makers and readers know them: a leaf, without any driver."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

Row: TypeAlias = Any
"""An asyncpg.Record: fields by name or by position."""


class StateRow(msgspec.Struct, frozen=True):
    """A room's state after the batch, to be written if its row still has `epoch` and `prev`."""

    room_id: str
    epoch: int
    prev: int
    seq: int
    state: str
    at: int


class LogRow(msgspec.Struct, frozen=True):
    """One row of `log`, and what `commands` holds of it: nothing without a `key`."""

    room_id: str
    seq: int
    user_id: str
    command_id: str
    entropy: bytes
    body: bytes
    """As `storage.packing` packs it."""
    at: int
    versions: int
    """`actors.versions.upcast.Versions.packed`."""
    key: bytes | None
    """`storage.packing.command_key`, of a user's command."""
    mark: int | None
    answer: str | None


class Records(msgspec.Struct):
    """Rows of the other tables, as the recordsets in records.sql name their columns."""

    rooms: list[dict[str, Any]] = []
    players: list[dict[str, Any]] = []
    spectators: list[dict[str, Any]] = []
    seats: list[dict[str, Any]] = []
    games: list[dict[str, Any]] = []
    hands: list[dict[str, Any]] = []
    checkpoints: list[dict[str, Any]] = []
    tokens: list[dict[str, Any]] = []

    def lists(self) -> tuple[list[dict[str, Any]], ...]:
        people = (self.players, self.spectators, self.seats)
        return (self.rooms, *people, self.games, self.hands, self.checkpoints, self.tokens)
