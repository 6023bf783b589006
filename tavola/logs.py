"""Logs are events: a fixed name and ids as fields. They hold no secrets.

What an error says of itself may quote what was being written, and a traceback's local variables are the state: cards.
So an error is logged as its type and the lines it came through, and nothing that it says.
"""

from __future__ import annotations

import logging
import traceback
from types import TracebackType
from typing import TextIO

import structlog

from tavola.seldom import Seldom

ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


def configure() -> None:
    """Call once, at the root of a process."""
    seldom = Seldom()
    structlog.configure(
        processors=[
            seldom,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=_write),
        ]
    )
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.raiseExceptions = False  # What cannot be written must not be written another way.
    handler.addFilter(seldom.filter)
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
