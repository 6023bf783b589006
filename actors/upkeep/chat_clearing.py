"""Chat of long ago is taken out of the log, day by day; that somebody spoke stays, and games are replayed as before.
A round of the steward; broken off anywhere, it may be done twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from tavola.actors.past.pseudonym import log_text, unsaid
from tavola.actors.upkeep.pace import Pace
from tavola.config.settings import Settings
from tavola.storage.packing import pack
from tavola.storage.postgres import Database
from tavola.storage.rows import Row

log = structlog.get_logger()

DAY_MS = 86_400_000
REWRITING = "rewriting"
"""The log is rewritten by one at a time: of two, one would put back what the other has taken out."""


GRACE_DAYS = 2
"""So much later than it should a day of the log may go: the archive may be away."""


def days_of_chat(settings: Settings) -> int:
    """After how many days what was said is cleared; 0: never. A day that is about to go as a whole is not rewritten
    first; one that should be gone and is not, is."""
    chat, whole = settings.keep_chat_days, settings.keep_log_days
    return max(chat, whole + GRACE_DAYS) if 0 < whole <= chat else chat


class ChatClearing:
    def __init__(self, settings: Settings, database: Database, now: Callable[[], int]) -> None:
        """`now` gives milliseconds since the epoch."""
        self._days = days_of_chat(settings)
        self._database = database
        self._now = now
        self.pace = Pace()

    async def round(self) -> None:
        """All days that are over for so long. Raises `StorageUnavailable`; what was done stays."""
        if not self._days:
            return
        ends = (self._now() // DAY_MS - self._days) * DAY_MS
        async with self._database.sole(REWRITING) as sole:
            if sole is None:
                return
            row = await self._database.row("chat_cleared")
            if row is None or row["before"] is None:
                return
            for day in range(row["before"] // DAY_MS * DAY_MS, ends, DAY_MS):
                if said := await self._clear(day):
                    log.info("chat.cleared", day=day // DAY_MS, messages=said)
                await self._database.rows("chat_cleared_before", before=day + DAY_MS)

    async def _clear(self, since: int) -> int:
        """A day's; gives how much was said."""
        place: tuple[str, int, int] = ("", 0, -1)
        said = 0

        async def some(most: int) -> int:
            nonlocal place, said
            room, page, seq = place
            rows = await self._database.rows(
                "archive_log", since=since, before=since + DAY_MS, room_id=room, page=page, seq=seq, most=most
            )
            if not rows:
                return 0
            place = (rows[-1]["room_id"], rows[-1]["page"], rows[-1]["seq"])
            quiet = [(row, texts) for row in rows if (texts := _unsaid(row)) is not None]
            said += len(quiet)
            await rewrite(self._database, [(row, row["user_id"], log_text(texts)) for row, texts in quiet])
            return len(rows)

        await self.pace.through(some)
        return said


def _unsaid(row: Row) -> list[Any] | None:
    try:
        return unsaid(row["room_id"], row)
    except (ValueError, LookupError) as error:  # All the rest is cleared.
        log.error("chat.unreadable", room=row["room_id"], seq=row["seq"], reason=type(error).__name__)
        return None


async def rewrite(database: Database, rows: list[tuple[Row, str, bytes]]) -> None:
    """Rows of `history` are by these users, and have these texts, from now on. They are of whatever rooms."""
    if not rows:
        return
    given = {
        "rooms": [row["room_id"] for row, _, _ in rows],
        "seqs": [row["seq"] for row, _, _ in rows],
        "users": [user for _, user, _ in rows],
    }
    bodies = [pack(text, row["room_id"], user, row["command_id"], row["at"]) for row, user, text in rows]
    await database.together(
        ("rewrite_log", {**given, "ats": [row["at"] for row, _, _ in rows], "bodies": bodies}),
        ("rewrite_log_before", {**given, "texts": [text.decode() for _, _, text in rows]}),
    )
