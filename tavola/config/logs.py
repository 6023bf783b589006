"""Logs are events: a fixed name and ids as fields. They hold no secrets.

An error's own words may quote what was being written, and a traceback's local variables are the state: cards.
So an error is logged as its type and the lines it came through, and nothing that it says.

Logging never raises: a line for which there is no space is counted, and the next that can be written says how many.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, WrappedLogger

from tavola.config.seldom import Seldom

_GAMES_LOG_BYTES = 8 << 20
_EVENT = re.compile(r"[a-z_]+(\.[a-z_]+)+")
EVENTS_LIMIT = 500
"""Different events that are counted. Games may log what they like."""
ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


class EventCounts(dict[str, int]):
    """How often this process logged each event, as `level event`: those lines too that `Seldom` leaves out."""

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """A processor of structlog."""
        name = str(event.get("event"))
        key = f"{method} {name}"
        if key in self or (len(self) < EVENTS_LIMIT and _EVENT.fullmatch(name)):
            self[key] = self.get(key, 0) + 1
        return event


COUNTED = EventCounts()


class Unfailing:
    """A text stream to which writing never fails. Text that cannot be written is lost, and counted."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lost = 0

    def write(self, text: str) -> int:
        try:
            if self._lost:
                self._stream.write(f"log.lost writes={self._lost}\n")
                self._stream.flush()
                self._lost = 0
            self._stream.write(text)
        except (OSError, ValueError):  # A closed stream raises the latter.
            self._lost += 1
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._lost += 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def unfailing(stream: TextIO) -> TextIO:
    """The same stream, but what it is given is never refused."""
    return cast(TextIO, Unfailing(stream))


def configure(data_dir: Path | None = None) -> None:
    """Call once, at the root of a process. Where `tavola dev` runs on `data_dir`, a game's mistakes are written down
    there too, whichever process they happen in."""
    seldom = Seldom()
    render = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=_write)
    structlog.configure(
        processors=[
            COUNTED,
            seldom,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            render if data_dir is None else _Copied(render, games_log(data_dir)),
        ],
        logger_factory=structlog.PrintLoggerFactory(unfailing(sys.stdout)),
    )
    handler = logging.StreamHandler(unfailing(sys.stderr))
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.raiseExceptions = False  # A record that cannot be written must not be written another way.
    handler.addFilter(seldom.filter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def games_log(data_dir: Path) -> Path:
    """Where the mistakes that games make are written down."""
    return data_dir / "logs" / "games.log"


class _Copied:
    """Renders events, and writes those of games (`game.failed`, …) to a file of their own as well."""

    def __init__(self, render: structlog.dev.ConsoleRenderer, path: Path) -> None:
        self._render, self._path = render, path

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> str:
        ours = str(event["event"]).startswith("game.")
        text = self._render(logger, name, event)
        if ours and self._path.parent.is_dir():
            self._append(f"{text}\n".encode())
        return text

    def _append(self, text: bytes) -> None:
        """At once, for others write here as well. Text that cannot be written stands in the process's own log."""
        with contextlib.suppress(OSError):
            if self._path.exists() and self._path.stat().st_size > _GAMES_LOG_BYTES:
                self._path.rename(self._path.with_suffix(".old.log"))
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            try:
                os.write(file, text)
            finally:
                os.close(file)


def where(error: BaseException | None) -> str:
    """The lines that `error`, and what it came of, went through; and their types."""
    told = []
    while error is not None:
        told.append("".join(traceback.format_tb(error.__traceback__)) + type(error).__qualname__)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\ncame of:\n".join(told)


def _write(out: TextIO, exc_info: ExcInfo) -> None:
    out.write("\n" + where(exc_info[1]))


class _Formatter(logging.Formatter):
    def formatException(self, ei: ExcInfo) -> str:
        return where(ei[1])
