"""A room as it was at any seq: replayed from the checkpoint before it, a few rows at a time, by those who know the
rules."""

from __future__ import annotations

import asyncio

from tavola.actors.wire.commands import RoomId
from tavola.actors.wire.errands import AskErrand, MakeCheckpoint, Recall, Recalled, Retrace
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.refusals import NO_SERVER, NOT_KEPT, REPLAY_BUSY
from tavola.storage.postgres import Database

ROWS_LIMIT = 2000
"""Rows of the log that are replayed at most."""
PAGE = 20
"""Rows that are replayed at a stretch: some 10 ms, in which the loop of whoever does it does nothing else."""
TOO_FAR = Refusal(
    "invalid_message", f"That seq is more than {ROWS_LIMIT} updates after the last checkpoint: too far to replay."
)


class Rewind:
    """One replay at a time: what servers are for comes first."""

    def __init__(self, database: Database, ask: AskErrand, rows_limit: int | None = ROWS_LIMIT) -> None:
        """At most `rows_limit` rows are replayed, if there is one."""
        self._database = database
        self._ask = ask
        self._limit = rows_limit
        self._busy = asyncio.Lock()

    async def room_at(self, room: RoomId, seq: int) -> str | Refusal:
        """The room after the update `seq`, as a checkpoint."""
        if self._busy.locked():
            return REPLAY_BUSY
        async with self._busy:
            return await self._replayed(room, seq)

    async def _replayed(self, room: RoomId, seq: int) -> str | Refusal:
        start = await self._database.row("checkpoint_before", room_id=room, seq=seq)
        if start is None:
            return NOT_KEPT
        at: int = start["seq"]
        if self._limit is not None and seq - at > self._limit:
            return TOO_FAR
        found: str = start["state"]
        while at < seq:
            rows = await self._database.rows("log_commands", room_id=room, after=at, most=min(PAGE, seq - at))
            if not rows or (at == start["seq"] < rows[0]["seq"] - 1 and await self._expired(room, at)):
                return NOT_KEPT
            then = await recalled(self._ask, Retrace(room, at, found, [dict(row) for row in rows]))
            if isinstance(then, Refusal):
                return then
            found = then
            at += len(rows)
        return found

    async def _expired(self, room: RoomId, seq: int) -> bool:
        """Whether what came after that checkpoint was too old to be kept, rather than lost."""
        row = await self._database.row("log_expired", room_id=room, seq=seq)
        return row is not None and bool(row["expired"])


async def recalled(ask: AskErrand, errand: MakeCheckpoint | Retrace | Recall) -> str | Refusal:
    """The text that the errand is for."""
    answer = await ask(errand)
    if isinstance(answer, Recalled):
        return answer.text
    return answer if isinstance(answer, Refusal) else NO_SERVER
