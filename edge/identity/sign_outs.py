"""The users who signed out everywhere lately. Every edge reads it from Postgres once a second and keeps it in memory,
so that whoever asks need not wait, and Redis need not be there.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from tavola.actors.wire.commands import UserId
from tavola.config.clock import now_ms
from tavola.edge.identity.looking import LOOK_WITHIN_S, every_second
from tavola.storage.postgres import Database

log = structlog.get_logger()

KEPT_MS = 2 * 3_600_000
"""How long a sign-out is remembered: longer than an identity token lives, and as long as a session goes on without
Postgres."""
OVERLAP_MS = 30_000
"""A sign-out is committed after the moment that it bears. One that is committed by then is heard of."""


class SignOuts:
    """`heard(user, at)` is called once for each that is news here. Times are in milliseconds since the epoch."""

    def __init__(
        self, database: Database, heard: Callable[[UserId, int], None], now: Callable[[], int] = now_ms
    ) -> None:
        self._database = database
        self._heard = heard
        self._now = now
        self._at: dict[UserId, int] = {}
        """The oldest first."""
        self._latest = 0

    def covers(self, user: UserId, issued_at: int) -> bool:
        """Whether what was issued to the user then is no good any more. Reaches back `KEPT_MS`."""
        at = self._at.get(user)
        return at is not None and issued_at <= at

    async def ever_covered(self, user: UserId, issued_at: int) -> bool:
        """The same, reaching back as far as Postgres does. Raises `StorageUnavailable`."""
        if self.covers(user, issued_at) or issued_at >= self._now() - KEPT_MS:
            return self.covers(user, issued_at)
        standing = await self._database.row("user_standing", user_id=user)
        return bool(issued_at <= standing["signed_out_at"])  # type: ignore[index]

    def tell(self, user: UserId, at: int) -> None:
        """The user signed out at that moment."""
        if at > self._at.get(user, -1):
            self._at.pop(user, None)
            self._at[user] = at
            self._heard(user, at)

    async def look(self) -> None:
        """Read what is new. Raises `StorageUnavailable`."""
        oldest = self._now() - KEPT_MS
        rows = await self._database.rows(
            "sign_outs_after", after=max(self._latest - OVERLAP_MS, oldest), within_s=LOOK_WITHIN_S
        )
        for row in rows:
            self._latest = max(self._latest, row["at"])
            self.tell(UserId(row["user_id"]), row["at"])
        while self._at and next(iter(self._at.values())) <= oldest:
            del self._at[next(iter(self._at))]

    async def run(self) -> None:
        """Look once a second, until cancelled."""
        await every_second(self.look, lambda reason: log.warning("sign_outs.not_read", reason=reason))
