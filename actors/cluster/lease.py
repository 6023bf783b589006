"""The lease on the steward's rounds: of all nodes' stewards one does them, and another as soon as it says no more that
it does. For a moment two may, which does no harm."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from tavola.storage.postgres import Database, StorageUnavailable

log = structlog.get_logger()

LEASE_S = 3.0
RENEWED_S = 1.0


class Lease:
    """One steward's hold on the lease, or its wait for it."""

    def __init__(self, database: Database, holder: str) -> None:
        self._database = database
        self._holder = holder
        self._held_until = 0.0

    @property
    def held(self) -> bool:
        """Whether this steward does the rounds."""
        return asyncio.get_running_loop().time() < self._held_until

    async def lead(self, rounds: Callable[[], Awaitable[None]]) -> None:
        """Run `rounds` whenever the lease is held, and end them when it is not, until cancelled. Raises what they
        raise."""
        at_work: asyncio.Task[None] | None = None
        try:
            while True:
                await self._renew()
                held = self.held
                if held and at_work is None:
                    log.info("steward.leads")
                    at_work = asyncio.ensure_future(rounds())
                elif not held and at_work is not None:
                    log.warning("steward.follows")
                    await _ended(at_work)
                    at_work = None
                if at_work is None:
                    await asyncio.sleep(RENEWED_S)
                elif (await asyncio.wait([at_work], timeout=RENEWED_S))[0]:
                    return at_work.result()
        finally:
            if at_work is not None:
                await _ended(at_work)

    async def _renew(self) -> None:
        """It is reckoned from before it is asked for, so it ends here before it ends in Postgres."""
        began = asyncio.get_running_loop().time()
        try:
            row = await self._database.row("hold_lease", holder=self._holder, for_s=LEASE_S, within_s=RENEWED_S)
            self._held_until = 0.0 if row is None else began + LEASE_S
        except StorageUnavailable as error:
            log.info("lease.not_renewed", reason=str(error))


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
