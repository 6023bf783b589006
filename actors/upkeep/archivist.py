"""Rows are written to the archive before they go. Broken off anywhere, none is lost, and none is there twice.

A file is decided on in `archives`, and its rows are those that nobody changes any more: of rooms that have no state, of
days that are over. It is written and read back, then listed by its manifest, and only then its rows go. After a
crash the manifest says whether the file counts: if it does, what is left of its rows is removed; if there is none, no
row has gone, and the file is written anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import Any

import msgspec
import structlog

from tavola.actors.past.pseudonym import log_text, unsaid
from tavola.config.crash import Point
from tavola.storage.archive_store import ArchiveStore
from tavola.storage.archives import (
    ArchivedRow,
    ArchiveWriter,
    Manifest,
    list_file,
    log_line,
    manifest_of,
    rows_of,
    text_line,
    verified,
)
from tavola.storage.postgres import Database, Sole
from tavola.storage.rows import Row

log = structlog.get_logger()

DAY_MS = 86_400_000
PAGE = 1000
ROOMS_A_FILE = 200
REMOVED_AT_ONCE = 500


class Archivist:
    """For whoever alone does it (`Sole`), one file after the other. `now` gives milliseconds since the epoch; `reached`
    is called at crash points."""

    def __init__(
        self,
        database: Database,
        store: ArchiveStore,
        now: Callable[[], int],
        reached: Callable[[Point], None],
        *,
        logs: bool,
        said: bool = True,
    ) -> None:
        """`logs`: days of the log go there; with what was `said`, or without."""
        self._database = database
        self._store = store
        self._now = now
        self._reached = reached
        self.logs = logs
        self._line = log_line if said else _unsaid_line

    async def go_on(self, sole: Sole) -> None:
        """Finish what was begun. Nothing else may be begun before."""
        for row in await self._database.rows("archives_open"):
            await self._finish(sole, row)

    async def rooms(self, sole: Sole) -> None:
        """Expired rooms: once their file counts, `Removal` does the rest."""
        day = _day(self._now())
        while row := await self._database.row("decide_rooms", day=day, at=self._now(), most=ROOMS_A_FILE):
            await self._finish(sole, row)

    async def hands(self, sole: Sole, before: int) -> None:
        """Days of hands that ended before the day of that moment (ms) began: into the archive, and out of the table."""
        before -= before % DAY_MS
        while True:
            first = await self._database.row("first_hand_ended", before=before)
            if first is None or first["at"] is None:
                return
            await self._decide(sole, "hands", _day(first["at"]))

    async def log_day(self, sole: Sole, day: str) -> None:
        """A day of the log, YYYYMMDD, into the archive, unless it is there. On return it may go."""
        if await self._database.row("archived_day", day=day) is None:
            await self._decide(sole, "log", day)

    async def _decide(self, sole: Sole, kind: str, day: str) -> None:
        row = await self._database.row("decide_archive", kind=kind, day=day, at=self._now())
        assert row is not None
        await self._finish(sole, row)

    async def _finish(self, sole: Sole, row: Row) -> None:
        """From wherever it is."""
        self._reached("archive.decided")
        name, kind, day = row["name"], row["kind"], row["day"]
        manifest = await asyncio.to_thread(manifest_of, self._store, name)
        if manifest is None:
            manifest = await self._write(name, kind, day)
            self._reached("archive.written")
            await asyncio.to_thread(list_file, self._store, manifest)
            log.info("archive.written", name=name, rows=manifest.rows, bytes=manifest.bytes)
        else:
            await asyncio.to_thread(verified, self._store, manifest)
        self._reached("archive.listed")
        # Had another taken over, it would find the manifest: what is asked from here on is safe to be asked twice.
        await sole.rows("ping")
        if kind in ("hands", "log"):
            await self._remove(manifest, "hands" if kind == "hands" else "checkpoints")
        self._reached("archive.gone")
        await self._database.rows("archive_finished", name=name, at=self._now())

    async def _write(self, name: str, kind: str, day: str) -> Manifest:
        writer = await asyncio.to_thread(ArchiveWriter, self._store, name, kind, day, self._now())
        try:
            async for table, rows in self._rows(name, kind, day):
                await asyncio.to_thread(writer.add, table, rows)
            return await asyncio.to_thread(writer.finish)
        finally:
            writer.close()

    async def _rows(self, name: str, kind: str, day: str) -> AsyncIterator[tuple[str, list[str]]]:
        """Pages of rows, each with its table."""
        since = begins(day)
        match kind:
            case "rooms":
                for room in await self._database.rows("rooms_in_archive", name=name):
                    async for page in self._of_room(room["room_id"]):
                        yield page
            case "hands":
                async for rows in self._pages(
                    "archive_hands", ("ended_at", "room_id", "game", "number"), (since - 1, "", 0, 0),
                    since=since, before=since + DAY_MS,
                ):  # fmt: skip
                    yield "hands", rows

            case _:
                # These first: they are looked for again when they go. The log's own rows go with their table.
                async for rows in self._pages(
                    "archive_checkpoints", ("at", "room_id", "seq"), (-1, "", 0), before=since + DAY_MS
                ):
                    yield "checkpoints", rows
                async for rows in self._log_pages(
                    "archive_log", ("room_id", "page", "seq"), ("", 0, 0), since=since, before=since + DAY_MS
                ):
                    yield "actions", rows

    async def _of_room(self, room: str) -> AsyncIterator[tuple[str, list[str]]]:
        async for rows in self._pages("archive_room_hands", ("game", "number"), (0, -1), room_id=room):
            yield "hands", rows
        if self.logs:
            async for rows in self._pages("archive_room_checkpoints", ("seq",), (-1,), room_id=room):
                yield "checkpoints", rows
            async for rows in self._log_pages("archive_room_log", ("page", "seq"), (0, 0), room_id=room):
                yield "actions", rows

    async def _pages(
        self, query: str, key: Sequence[str], after: Sequence[Any], **given: Any
    ) -> AsyncIterator[list[str]]:
        """The rows of `query` as JSON, which gives them in the order of `key`, after `after`."""
        async for rows in self._read(query, key, after, **given):
            yield [row["row"] for row in rows]

    async def _log_pages(
        self, query: str, key: Sequence[str], after: Sequence[Any], **given: Any
    ) -> AsyncIterator[list[str]]:
        """The same of the log, as the view `actions` shows it."""
        async for rows in self._read(query, key, after, **given):
            yield await asyncio.to_thread(lambda rows=rows: [self._line(row) for row in rows])  # type: ignore[misc]

    async def _read(
        self, query: str, key: Sequence[str], after: Sequence[Any], **given: Any
    ) -> AsyncIterator[list[Row]]:
        while True:
            rows = await self._database.rows(query, most=PAGE, **dict(zip(key, after, strict=True)), **given)
            if rows:
                yield rows
            if len(rows) < PAGE:
                return
            after = [rows[-1][name] for name in key]

    async def _remove(self, manifest: Manifest, table: str) -> None:
        """The rows of a table, with which the file begins, and no others."""
        rows = takewhile(lambda row: row.table == table, rows_of(self._store, manifest))
        while some := await asyncio.to_thread(_some, rows):
            text = msgspec.json.encode([row.row for row in some]).decode()
            await self._database.rows(f"remove_{table}", rows=text)
            self._reached("archive.going")


def _some(rows: Iterator[ArchivedRow]) -> list[ArchivedRow]:
    return list(islice(rows, REMOVED_AT_ONCE))


def _unsaid_line(row: Row) -> str:
    texts = unsaid(row["room_id"], row)
    return log_line(row) if texts is None else text_line(row, log_text(texts))


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y%m%d")


def begins(day: str) -> int:
    """When a day begins (ms)."""
    return int(datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).timestamp() * 1000)
