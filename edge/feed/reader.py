"""Reads the feed from Postgres, a page at a time: what a reader at a cursor has not been told, and how far it is then.

Why nothing is passed over: docs/explanation/feed.md.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tavola.edge.feed.cursor import BIGINT, Cursor, Seen, seen
from tavola.storage.postgres import Database
from tavola.storage.rows import Row

ROOMS_LIMIT = 500
"""Rooms that are looked through for one page."""
WITHIN_S = 20.0


class FeedRead(NamedTuple):
    """Rows of the log, each room's in order, and the cursor after each. `cursor` is the place after all of them,
    `start` the one from which, asked for as many, there come the same;
    `more`:
    there may be more to be had at once."""

    rows: list[tuple[Row, Cursor]]
    start: Cursor
    cursor: Cursor
    more: bool


async def newest(database: Database) -> Cursor:
    """The place after all that there is now."""
    async with database.transaction() as rows:
        [here] = await rows("feed_here")
        opened = await _open(rows, Cursor(here["here"]), None)
    return Cursor(here["here"]) if opened is None else opened.closed


async def read(database: Database, cursor: Cursor, game: str | None, most: int) -> FeedRead:
    """At most so many updates after `cursor`, of one game, or of all. Raises `StorageUnavailable`."""
    async with database.transaction() as rows:
        [here] = await rows("feed_here")
        cursor = cursor.in_database(here["here"])
        begun = cursor.end is not None
        if not begun:
            opened = await _open(rows, cursor, game)
            if opened is None:
                return FeedRead([], cursor, cursor, False)
            cursor = opened
        assert cursor.end is not None
        start = cursor
        found = await rows(
            "feed_rows",
            within_s=WITHIN_S,
            room=cursor.room,
            seq=cursor.seq,
            game=game,
            ceiling=cursor.before.ceiling,
            open=list(cursor.before.open),
            since=cursor.since,
            end_ceiling=cursor.end.ceiling,
            end_open=list(cursor.end.open),
            most=most,
            most_rooms=ROOMS_LIMIT,
        )
    told: list[tuple[Row, Cursor]] = []
    for row in found:
        if row["seq"] is None:
            return FeedRead(told, start, cursor.told(row["room_id"], BIGINT), True)
        cursor = cursor.told(row["room_id"], row["seq"])
        told.append((row, cursor))
    if len(told) == most:
        return FeedRead(told, start, cursor, True)
    return FeedRead(told, start, cursor.closed, begun)


async def _open(rows: Any, cursor: Cursor, game: str | None) -> Cursor | None:
    """The cursor with a window up to now. None: nothing is new."""
    before: Seen = cursor.before
    [now] = await rows(
        "feed_window",
        within_s=WITHIN_S,
        ceiling=before.ceiling,
        open=list(before.open),
        since=cursor.since,
        game=game,
    )
    if now["last"] is None:
        return None
    return cursor.opened(seen(now["seen"], max(now["last"], before.ceiling - 1)), now["at"])
