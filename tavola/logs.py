"""Logs are events: a fixed name and ids as fields. They hold no secrets.

What an error says of itself may quote what was being written, and a traceback's local variables are the state: cards.
So an error is logged as its type and the lines it came through, and nothing that it says.

Logging never raises: a line for which there is no space is counted, and the next that can be written says how many.
"""

from __future__ import annotations

import logging
import sys
import traceback
from types import TracebackType
from typing import Any, TextIO, cast

import structlog

ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


class Unfailing:
    """A text stream to which writing never fails. What cannot be written is lost, and counted."""

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


def configure() -> None:
    """Call once, at the root of a process."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=_write),
        ],
        logger_factory=structlog.PrintLoggerFactory(unfailing(sys.stdout)),
    )
    handler = logging.StreamHandler(unfailing(sys.stderr))
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.raiseExceptions = False  # What cannot be written must not be written another way.
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


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
