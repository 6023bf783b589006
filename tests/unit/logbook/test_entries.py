"""Lines of logs, in every form that a stack's programs write."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tavola.logbook.entries import exactly, read

WRITER = """
import structlog
from tavola.config import logs
logs.configure("edge-1", "{form}")
fields = dict(room="r_1", actor="room-actor-1", reason="it is away", rooms=["r_2", "r_3"])
structlog.get_logger().warning("room.placed", **fields)
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_event_is_read_as_it_was_logged(form: str) -> None:
    program = WRITER.format(form=form)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    began, line = done.stdout.splitlines()
    entry, first = read(line), read(began)
    assert entry is not None
    assert first is not None
    assert (entry.level, entry.event) == ("warning", "room.placed")
    assert {name: entry.fields[name] for name in ("room", "actor", "reason")} == {
        "room": "r_1", "actor": "room-actor-1", "reason": "it is away",
    }  # fmt: skip
    assert 0 <= entry.at - first.at < 60
    assert entry.names(exactly("r_1"))
    assert entry.names(exactly("r_2"))
    assert not entry.names(exactly("r_"))
    assert not entry.names(exactly("r_12"))


@pytest.mark.parametrize(
    ("line", "level", "at"),
    [
        ("2026-11-28 01:21:14.761 UTC [711] FATAL:  the database system is starting up", "critical", 1795828874.761),
        ("2026-11-28T01:21:14.761000Z [error    ] Task exception was never retrieved logger=asyncio", "error",
         1795828874.761),
        ("574:C 28 Nov 2026 01:21:11.384 # Redis is starting", "warning", None),
        ("[2026-11-28 01:21:14,761 E 707 711] (raylet) node_manager.cc:1: it failed", "error", None),
    ],
)  # fmt: skip
def test_lines_of_others_are_read(line: str, level: str, at: float | None) -> None:
    entry = read(line)
    assert entry is not None
    assert entry.level == level
    assert at is None or entry.at == at
    assert re.search("starting|never retrieved|failed", entry.event)


@pytest.mark.parametrize("line", ["", '  File "x.py", line 1', "{", '{"at": 1}', '{"event": "x"}', "[]", "KeyError"])
def test_a_line_that_begins_no_event(line: str) -> None:
    assert read(line) is None


def test_an_event_is_written_as_one_object() -> None:
    entry = read('{"at": "2026-11-28T01:21:14.761Z", "level": "info", "event": "a.b", "pid": 7, "part": "x", "n": 1}')
    assert entry is not None
    assert json.loads(entry.as_json()) == {
        "at": "2026-11-28T01:21:14.761000Z", "level": "info", "event": "a.b", "part": "x", "pid": 7, "n": 1,
    }  # fmt: skip
