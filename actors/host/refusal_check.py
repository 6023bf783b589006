"""Commands without effect, where memory does not reach back to a room's first command.

Sent again after long, a command that was accepted may well be refused now (who sits may not sit down again), or change
nothing. So before such an answer is given, the log is asked: one query for however many.
"""

from __future__ import annotations

import asyncio

import structlog

from tavola.actors.host.commit_writer import answered_before
from tavola.actors.host.loaded_room import Pending
from tavola.actors.wire.messages import Committed, Refusal
from tavola.actors.wire.refusals import STORAGE_AWAY
from tavola.storage.postgres import Conflict, Database, StorageUnavailable

log = structlog.get_logger()


class RefusalCheck:
    """Gathers such answers until the log has been asked about their commands."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._gathered: list[tuple[Pending, Committed | Refusal]] = []
        self._ready = asyncio.Event()

    def __len__(self) -> int:
        return len(self._gathered)

    def add(self, pending: Pending, answer: Committed | Refusal) -> None:
        self._gathered.append((pending, answer))
        self._ready.set()

    async def run(self) -> None:
        """Answer so, or as it was answered before, until cancelled."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            gathered, self._gathered = self._gathered, []
            try:
                before = await answered_before(self._database, [pending for pending, _ in gathered])
            except (StorageUnavailable, Conflict) as error:
                log.warning("refusal.unverified", reason=str(error))
                for pending, _ in gathered:
                    _answer(pending, STORAGE_AWAY)
                continue
            for pending, answer in gathered:
                answered = before.get((pending.loaded.id, pending.key))
                _answer(pending, answer if answered is None else answered.again(pending.command))


def _answer(pending: Pending, answer: Committed | Refusal) -> None:
    for reply in pending.replies:
        reply(answer)
