"""A room's log as each viewer should have been shown it.

The log keeps an update's bytes by audience: those inside the room (players, spectators and the host), everybody else,
and, for single users, what they see on top or instead.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal

import msgspec

from tavola.client.frames import Json
from tavola.client.merge import merge
from tavola.load.evidence.evidence import Row

Audience = Literal["inside", "outside"]
TOKENS = frozenset({"rejoin_token", "seat_token"})
"""Members that an edge adds for one viewer; the log holds none of them."""


class LedgerPart(msgspec.Struct, frozen=True):
    """One viewer's part of an update, or that of everybody outside."""

    events: list[Json] | None = None
    patch: Json | None = None
    audience: Audience | None = None


class LedgerEntry:
    """One row of the log, read."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.seq = row.seq

    @cached_property
    def events(self) -> list[Json]:
        return msgspec.json.decode(self.row.events, type=list[Json])

    @cached_property
    def patch(self) -> Json:
        return msgspec.json.decode(self.row.patch, type=Json) if self.row.patch else {}

    @cached_property
    def command(self) -> Json:
        return msgspec.json.decode(self.row.command, type=Json)

    @cached_property
    def outside(self) -> LedgerPart:
        return _part(msgspec.json.decode(self.row.outside)) if self.row.outside else LedgerPart()

    @cached_property
    def parts(self) -> dict[str, LedgerPart]:
        if not self.row.private:
            return {}
        return {user: _part(fields) for user, fields in msgspec.json.decode(self.row.private).items()}

    def shown(self, user: str, audience: Audience) -> tuple[list[Json], Json]:
        """Events and patch for `user`, who is in `audience` after this update."""
        part = self.parts.get(user, LedgerPart())
        if part.audience is not None:
            return part.events or [], part.patch or {}
        if audience == "inside":
            events, patch = self.events, self.patch
        else:
            events, patch = self.outside.events or [], self.outside.patch or {}
        return part.events or events, {**patch, **(part.patch or {})}


class Ledger:
    """All of a room's log. Nothing is assumed of it but that its rows can be read. `opener`, its first host, is inside
    from the start, as a host is."""

    def __init__(self, log: list[Row], opener: str = "") -> None:
        self.entries = {row.seq: LedgerEntry(row) for row in log}
        self.last = max(self.entries, default=0)
        self._moves: dict[str, list[tuple[int, Audience]]] = {opener: [(0, "inside")]}
        for entry in self.entries.values():
            for user, part in entry.parts.items():
                if part.audience is not None:
                    self._moves.setdefault(user, []).append((entry.seq, part.audience))

    def audience(self, user: str, seq: int) -> Audience:
        """Where `user` was after update `seq`."""
        moves = self._moves.get(user, [])
        at = bisect.bisect_right(moves, seq, key=lambda move: move[0])
        return moves[at - 1][1] if at else "outside"

    def shown(self, user: str, seq: int) -> tuple[list[Json], Json]:
        """Raises KeyError when there is no such row."""
        return self.entries[seq].shown(user, self.audience(user, seq))

    def tables(self) -> Iterator[tuple[LedgerEntry, Json, Json]]:
        """Each update with what those inside saw before it (`turns` alone, the
        one that there is or those of several) and after it (all; changed in place)."""
        view: Json = {}
        for seq in sorted(self.entries):
            entry = self.entries[seq]
            before = {"turns": [dict(turn) for turn in turns_of(view)]}
            merge(view, entry.patch)
            yield entry, before, view


def turns_of(view: Json) -> list[Json]:
    """The turns that run: one, or where several seats are to act at once that of each."""
    first = view.get("turn")
    return view.get("turns") or ([first] if first else [])


def without_tokens(value: Any) -> Any:
    """A frame's value as the log would have it."""
    match value:
        case dict():
            return {name: without_tokens(each) for name, each in value.items() if name not in TOKENS}
        case list():
            return [without_tokens(each) for each in value]
        case _:
            return value


def _part(fields: list[Any]) -> LedgerPart:
    return LedgerPart(fields[0], fields[1], fields[2] if len(fields) > 2 else None)
