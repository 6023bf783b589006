"""The batch commit as columns: what `commit` and `commit_records` in queries.sql take. Bytes and rows only."""

from __future__ import annotations

from typing import Any

import msgspec

from storage.postgres import Database, Lane

_json = msgspec.json.Encoder().encode


class StateRow(msgspec.Struct, frozen=True):
    """A room's state after the batch, to be written if its row still has `epoch` and `prev`."""

    room_id: str
    epoch: int
    prev: int
    seq: int
    state: str
    at: int


class LogRow(msgspec.Struct, frozen=True):
    """One row of `actions`; fields as its columns."""

    room_id: str
    seq: int
    game: int
    hand: int
    user_id: str
    user_name: str
    command_id: str
    command: str
    answer: str
    events: str
    patch: str
    outside: str
    private: str
    entropy: bytes
    at: int


class Records(msgspec.Struct):
    """Rows of the other tables, as the recordsets in queries.sql name their columns."""

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


async def commit(database: Database | Lane, states: list[StateRow], log: list[LogRow], records: Records) -> set[str]:
    """Write a batch as one statement; returns the ids of the rooms that were written.

    On return those rooms' updates are durable, and nothing was written of the others (they are fenced). On
    `StorageUnavailable` with `unknown` all of it may or may not be there. On `Conflict`, or without `unknown`, none is.
    """
    lists = records.lists()
    if len(log) == 1 and not any(lists):
        _, _, *fields, _ = _fields(log[0])
        return {row[0] for row in await database.rows("commit_one", *_fields(states[0]), *fields)}
    columns = [list(column) for column in zip(*map(_fields, states), strict=True)]
    columns += [list(column) for column in zip(*map(_fields, log), strict=True)]
    if any(lists):
        rows = await database.rows("commit_records", *columns, *(_json(rows).decode() for rows in lists))
    else:
        rows = await database.rows("commit", *columns)
    return {row[0] for row in rows}


_fields = msgspec.structs.astuple
