"""No event fills a disk."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import structlog

from tavola.config.seldom import LINES, TRACEBACK, Seldom


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def lines(seldom: Seldom, times: int, **event: Any) -> list[Any]:
    """Those that are written of so many."""
    written = []
    for _ in range(times):
        try:
            written.append(seldom(None, "info", {"event": "api.broken_off", **event}))
        except structlog.DropEvent:
            continue
    return written


def test_of_one_event_there_are_so_many_at_once_and_then_one_a_second() -> None:
    time = Time()
    seldom = Seldom(time)
    assert len(lines(seldom, 5000)) == LINES
    time.now += 3.0
    later = lines(seldom, 1000)
    assert len(later) == 3
    assert later[0]["left_out"] == 5000 - LINES
    assert "left_out" not in later[1]


def test_other_events_are_written_meanwhile() -> None:
    seldom = Seldom(Time())
    lines(seldom, 5000)
    assert lines(seldom, 1, event="room.placed") == [{"event": "room.placed"}]


def test_a_traceback_counts_for_many() -> None:
    assert len(lines(Seldom(Time()), 5000, exc_info=True)) == LINES / TRACEBACK


@pytest.mark.parametrize("fails", [False, True])
def test_what_libraries_log_is_counted_by_where_they_do(fails: bool) -> None:
    time = Time()
    seldom = Seldom(time)

    def record() -> logging.LogRecord:
        error = (ValueError, ValueError(), None) if fails else None
        return logging.LogRecord("uvicorn.error", logging.ERROR, __file__, 7, "It is %s", ("so",), error)

    assert sum(seldom.filter(record()) for _ in range(1000)) == LINES / (TRACEBACK if fails else 1)
    time.now += TRACEBACK
    late = record()
    assert seldom.filter(late)
    assert late.getMessage().startswith("It is so left_out=9")
