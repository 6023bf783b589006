"""One log, read as events: what stands in it, and what is added.

A log that is full is renamed and begun anew by the process that writes it (`config.log_file`). A reader keeps the file
that it has open until it has read all of it, so it goes on where it was.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import dropwhile
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tavola.config.log_file import old
from tavola.logbook.entries import LogEntry, read
from tavola.logbook.places import called, teller

PIECE = 256 << 10
"""Bytes of one log that are read at once."""
LONGEST = 1 << 20
"""A line may have so many bytes; the rest of a longer one is a line of its own."""
BEGAN = b"log.began"
"""The event that says whose a log is (`config.logs`)."""
_RAYS_MARKS = (":job_id:", ":actor_name:", ":task_name:")
"""Lines that Ray puts between a worker's, for a program of its own."""
MOST_LINES = 1_000
"""Lines that belong to one event; more are left out."""


class Entries:
    """Makes events of one log's lines, each with the process whose it is."""

    def __init__(self, log: Path) -> None:
        self._part, self._pid, self._at = called(log), 0, 0.0
        self._last: LogEntry | None = None
        self._lines = 0

    def know(self, log: Path, file: BinaryIO) -> None:
        """Learn from the last line of `file` before this place that says so which process writes the next."""
        self._at = os.fstat(file.fileno()).st_mtime
        if self._learn(file, file.tell()):
            return
        for path in (teller(log), old(teller(log))):
            with suppress(OSError), path.open("rb") as other:
                if self._learn(other, os.fstat(other.fileno()).st_size):
                    return

    def _learn(self, file: BinaryIO, end: int) -> bool:
        if not end:
            return False
        with suppress(OSError, ValueError), mmap(file.fileno(), end, access=ACCESS_READ) as text:
            while (found := text.rfind(BEGAN, 0, end)) >= 0:
                line = text[text.rfind(b"\n", 0, found) + 1 : text.find(b"\n", found)]
                began = read(line.decode(errors="replace"))
                if began is not None and self._told(began):
                    return True
                end = found
        return False

    def of(self, lines: Iterable[str]) -> Iterator[LogEntry]:
        """The last one is held back until it is known what belongs to it: `rest`."""
        for line in lines:
            if line.startswith(_RAYS_MARKS):
                continue
            entry = read(line)
            if entry is None:
                if self._last is None and line.strip():
                    self._last, self._lines = LogEntry(self._at, "info", line, {}, self._part, self._pid), 0
                elif self._last is not None and self._lines < MOST_LINES:
                    self._lines += 1
                    self._last.more += f"{line}\n"
                continue
            yield from self.rest()
            self._told(entry)
            entry.part, entry.pid = entry.part or self._part, entry.pid or self._pid
            self._last, self._lines, self._at = entry, 0, entry.at

    def rest(self) -> Iterator[LogEntry]:
        """The one that was held back."""
        if self._last is not None:
            self._last.more = self._last.more.rstrip("\n")
            yield self._last
            self._last = None

    def _told(self, entry: LogEntry) -> bool:
        if entry.event != BEGAN.decode():
            return False
        self._part = entry.part or str(entry.fields.get("part", self._part))
        self._pid = entry.pid or int(entry.fields.get("pid", 0))
        return True


class FilePlace(NamedTuple):
    """A place in a file, which may be renamed."""

    file: os.stat_result
    offset: int


def past(log: Path, since: float = 0.0, until: FilePlace | None = None) -> Iterator[LogEntry]:
    """All events of a log since then (seconds since the epoch) and before that place, in the order of the lines."""
    entries = Entries(log)
    for path in (old(log), log):
        with suppress(FileNotFoundError), path.open("rb") as file:
            there = os.fstat(file.fileno())
            last = until is not None and os.path.samestat(until.file, there)
            if there.st_mtime >= since:
                _seek(file, since)
                entries.know(log, file)
                lines = _lines(file, until.offset if until is not None and last else None)
                if file.tell():
                    # Not what belongs to an event before.
                    lines = dropwhile(lambda line: read(line) is None, lines)
                yield from (entry for entry in entries.of(lines) if entry.at >= since)
            if last:
                break
    yield from (entry for entry in entries.rest() if entry.at >= since)


def _lines(file: BinaryIO, end: int | None) -> Iterator[str]:
    while (end is None or file.tell() < end) and (line := file.readline(LONGEST)):
        yield line.decode(errors="replace").rstrip("\n")


def _seek(file: BinaryIO, since: float) -> None:
    """To the beginning of a line before the first event since then, by halves."""
    low, high = 0, os.fstat(file.fileno()).st_size
    while since and high - low > PIECE:
        middle = (low + high) // 2
        at = _first_at(file, middle, high)
        low, high = (middle, high) if at is not None and at < since else (low, middle)
    file.seek(low)
    if low:
        file.readline(LONGEST)


def _first_at(file: BinaryIO, begin: int, end: int) -> float | None:
    """When the first event happened that begins in this piece."""
    file.seek(begin)
    file.readline(LONGEST)
    while file.tell() < end and (line := file.readline(LONGEST)):
        if (entry := read(line.decode(errors="replace").rstrip("\n"))) is not None:
            return entry.at
    return None


class LogFollower:
    """The events that are added to a log from now on, or, for one that is new, all of them."""

    def __init__(self, log: Path, *, new: bool) -> None:
        self._log = log
        self._entries = Entries(log)
        self._file: BinaryIO | None = None
        self._begun = b""
        self._replaced = False
        with suppress(OSError):
            self._open(log, os.SEEK_SET if new else os.SEEK_END)

    @property
    def mark(self) -> FilePlace | None:
        """Where it is."""
        return None if self._file is None else FilePlace(os.fstat(self._file.fileno()), self._file.tell())

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def more(self) -> list[LogEntry]:
        """The events of the next piece that was added; none if there is nothing yet."""
        if found := self._piece():
            return found
        # Only the next time is it done with: its writer may have been writing to it at this very moment.
        if self._replaced:
            self._replaced = False
            with suppress(OSError):
                self._next()
            return self._piece()
        self._replaced = self._other_there()
        return []

    def _piece(self) -> list[LogEntry]:
        piece = self._file.read(PIECE) if self._file is not None else b""
        if not piece:
            return []
        *lines, self._begun = (self._begun + piece).split(b"\n")
        if len(self._begun) > LONGEST:
            lines, self._begun = [*lines, self._begun], b""
        found = list(self._entries.of(line.decode(errors="replace") for line in lines))
        return [*found, *self._entries.rest()]

    def _other_there(self) -> bool:
        """Whether the file of that name is another one than we have."""
        try:
            there = self._log.stat()
        except OSError:
            return False
        return self._file is None or not os.path.samestat(os.fstat(self._file.fileno()), there)

    def _next(self) -> None:
        """On to the file after the one that we have. That may have been full meanwhile, too."""
        path, before = self._log, old(self._log)
        if self._file is not None and before.exists():
            had, there = os.fstat(self._file.fileno()), before.stat()
            if not os.path.samestat(had, there) and there.st_mtime >= had.st_mtime:
                path = before
        self.close()
        self._begun = b""
        self._open(path, os.SEEK_SET)

    def _open(self, path: Path, whence: int) -> None:
        self._file = path.open("rb", buffering=0)
        self._file.seek(0, whence)
        self._entries.know(self._log, self._file)
