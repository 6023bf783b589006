"""The part of the log that retention took while a run went on: its rows, as the archive has them, and the times of
their commits, noted while the database knew them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path

import msgspec

from tavola.load.evidence.evidence import RecordedRoom, Row
from tavola.load.evidence.truth import Truth
from tavola.storage.archive_store import store_at
from tavola.storage.archives import manifests, rows_of

NOTED_EVERY_S = 0.5
AGAIN_MS = 13 * 3_600_000
"""Rows are decided before they are committed: those of so long before the last are looked at again."""


class ArchivedUpdate(msgspec.Struct):
    """A row of the log as JSON."""

    room_id: str
    seq: int
    epoch: int
    user_id: str
    command_id: str
    command: str
    answer: str
    events: str
    patch: str
    outside: str
    private: str
    entropy: str
    at: int


class Taken:
    """`run` notes; `add_to` gives a room back what was taken of it."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._turn = asyncio.Lock()
        self._times: dict[tuple[str, int], float] = {}
        self._read: set[str] = set()
        self._rows: dict[str, list[Row]] = defaultdict(list)
        self.days: set[str] = set()
        """Those that the archive has."""

    async def run(self, truth: Truth) -> None:
        """Until cancelled. Raises what `Truth.rows` raises."""
        since = 0
        while True:
            for row in await truth.rows("commit_times", since - AGAIN_MS):
                self._times[row["room_id"], row["seq"]] = row["committed_at"]
                since = max(since, row["at"])
            await asyncio.sleep(NOTED_EVERY_S)

    async def add_to(self, room: RecordedRoom) -> None:
        """For a room whose log was read before: what has gone since is in the archive. A day may be in both for a
        while; an update that is in the archive twice is in the room's log twice."""
        async with self._turn:
            await asyncio.to_thread(self._look)
        kept = {row.seq for row in room.log}
        gone = [row for row in self._rows[room.id] if row.seq not in kept]
        room.archived = len(gone)
        room.log = sorted([*gone, *room.log], key=lambda row: row.seq)

    def _look(self) -> None:
        store = store_at(str(self._archive))
        for manifest in manifests(store):
            if manifest.kind != "log" or manifest.name in self._read:
                continue
            for archived in rows_of(store, manifest):
                if archived.table == "actions":
                    row = msgspec.json.decode(archived.row, type=ArchivedUpdate)
                    self._rows[row.room_id].append(_row(row, self._times.get((row.room_id, row.seq))))
            self._read.add(manifest.name)
            self.days.add(str(manifest.day))


def _row(row: ArchivedUpdate, committed_at: float | None) -> Row:
    return Row(
        seq=row.seq, epoch=row.epoch, user=row.user_id, command_id=row.command_id, command=row.command,
        answer=row.answer, events=row.events, patch=row.patch, outside=row.outside, private=row.private,
        entropy=bytes.fromhex(row.entropy.removeprefix("\\x")), at=row.at, committed_at=committed_at,
    )  # fmt: skip
