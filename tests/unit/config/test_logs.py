"""Logged errors say where they were raised, never what they say or what the variables held."""

from __future__ import annotations

import ast
import errno
import io
import json
import re
import subprocess
import sys
import textwrap
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tavola.config import logs

SECRET = "AhKd"
PROGRAM = """
    import logging
    import structlog
    from tavola.config import logs

    def fails():
        state = {"cards": "Ah" + "Kd"}
        try:
            raise ValueError(f"will not have {state}")
        except ValueError as error:
            raise KeyError(str(state)) from error

    logs.configure("edge-1")
    try:
        fails()
    except KeyError:
        structlog.get_logger().exception("room.decide_failed", room="r_1")
        logging.getLogger("asyncio").exception("Task exception was never retrieved")
"""
FULL = """
    import logging
    import os
    import structlog
    from tavola.config import logs

    logs.configure("edge-1")
    for number in range(3000):
        structlog.get_logger().warning("commit.failed", room="r_1", number=number)
        logging.getLogger("asyncio").error("Task exception was never retrieved")
    os._exit(7)
"""
DYING = """
    import asyncio
    import structlog
    from tavola.actors.cluster.service import Service

    def fails(*_):
        raise OSError(28, "No space left on device")

    async def part():
        raise RuntimeError

    async def main():
        structlog.configure(processors=[fails])
        service = Service()
        service.keep(part())
        await asyncio.sleep(30)

    asyncio.run(main())
"""


def test_logging_on_a_full_disk_raises_nothing() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(FULL)], stdout=full, stderr=full)
    assert done.returncode == 7, "it came to its end"


def test_what_was_lost_is_told_when_there_is_space() -> None:
    class Disk(io.StringIO):
        full = True

        def write(self, text: str) -> int:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(text)

    disk = Disk()
    log = logs.unfailing(disk)
    log.write("one")
    log.write("two")
    disk.full = False
    log.write("three")
    assert disk.getvalue() == "log.lost writes=2\nthree"


def test_an_actor_whose_work_ended_ends_even_if_it_cannot_say_so() -> None:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(DYING)], capture_output=True, timeout=25)
    assert done.returncode == 1


LEVELS = """
    import logging
    import structlog
    from tavola.config import logs

    logs.configure("edge-1", level="warning")
    log = structlog.get_logger()
    for method in (log.debug, log.info, log.warning, log.error):
        method("room.told")
    logging.getLogger("websockets").debug("> TEXT 'AhKd'")
    print(dict(logs.COUNTED))
"""
THREADS = """
    import os
    import threading
    import structlog
    from pathlib import Path
    from tavola.config import log_file, logs

    log_file.LOG_BYTES = {limit}
    logs.configure("edge-8000", {form!r}, data_dir=Path({folder!r}))

    def write(thread):
        log = structlog.get_logger()
        for number in range(500):
            log.info(f"test.line_{{number % 100}}", number=f"{{thread}}-{{number}}.")
            os.write(2, f"raw {{thread}}-{{number}}.\\n".encode())

    logs.Seldom = lambda: (lambda logger, method, event: event)
    threads = [threading.Thread(target=write, args=[thread]) for thread in range(4)]
    for each in threads: each.start()
    for each in threads: each.join()
"""


def _run(program: str, **to: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", textwrap.dedent(program)], text=True, check=True, **to)


def test_as_json_each_line_is_an_object() -> None:
    program = PROGRAM.replace('configure("edge-1")', 'configure("edge-1", "json")')
    done = _run(program, capture_output=True)
    began, event, record = map(json.loads, done.stdout.splitlines())
    assert (began["event"], began["part"]) == ("log.began", "edge-1")
    assert list(event) == ["at", "level", "event", "part", "pid", "room", "traceback"]
    assert {name: event[name] for name in ("level", "event", "part", "room")} == {
        "level": "error", "event": "room.decide_failed", "part": "edge-1", "room": "r_1",
    }  # fmt: skip
    assert datetime.fromisoformat(event["at"]).utcoffset() == timedelta()
    assert event["pid"] == began["pid"] == record["pid"]
    assert (record["event"], record["logger"]) == ("Task exception was never retrieved", "asyncio")
    for told in (event, record):
        assert told["traceback"].count("in fails") == 2
        assert {"KeyError", "ValueError"} <= set(told["traceback"].splitlines())
    assert SECRET not in done.stdout + done.stderr
    assert done.stderr == ""


def test_as_json_what_is_printed_is_an_event_too() -> None:
    program = """
        import sys
        from tavola.config import logs
        logs.configure("edge-1", "json")
        print("a game's", "own", end=" ")
        print("words\\n\\nin two lines")
        print("a library's", file=sys.stderr)
        raise KeyError("Ah" + "Kd")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    said = [json.loads(line) for line in done.stdout.splitlines()][1:]
    assert [event["event"] for event in said] == ["process.said"] * 3 + ["process.failed"]
    assert [(event["level"], event["text"]) for event in said[:3]] == [
        ("info", "a game's own words"), ("info", "in two lines"), ("warning", "a library's"),
    ]  # fmt: skip
    assert said[-1]["traceback"].splitlines()[-1] == "KeyError"
    assert SECRET not in done.stdout, "nor what the error says"
    assert (done.stderr, done.returncode) == ("", 1)


def test_a_field_does_not_take_the_place_of_one_that_every_line_has() -> None:
    said = 'structlog.get_logger().error("edge.part_failed", part="beat", cards={1, 2}, text="two\\nlines")'
    program = f'import structlog\nfrom tavola.config import logs\nlogs.configure("edge-1", "json")\n{said}'
    _, told = map(json.loads, _run(program, capture_output=True).stdout.splitlines())
    assert (told["part"], told["part_"], told["cards"], told["text"]) == ("edge-1", "beat", "{1, 2}", "two\nlines")


def test_a_level_leaves_out_lines_and_counts_them() -> None:
    done = _run(LEVELS, capture_output=True)
    lines = done.stdout.splitlines()
    assert "log.began" in lines[0]
    assert [line.partition("[")[2].split()[0] for line in lines[1:-1]] == ["warning", "error"]
    assert ast.literal_eval(lines[-1]) == dict.fromkeys(
        (f"{level} room.told" for level in ("debug", "info", "warning", "error")), 1
    )
    assert SECRET not in done.stdout + done.stderr, "libraries show what they send"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_log_that_is_full_is_made_anew_and_no_line_is_lost(form: str, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "edge-1.log"
    with log.open("ab") as out:
        _run(THREADS.format(limit=160_000, form=form, folder=str(tmp_path)), stdout=out, stderr=out)
    full = (tmp_path / "logs" / "edge-1.old.log").read_text()
    text = full + log.read_text()
    assert 160_000 < len(full) < len(text) < 320_000, "made anew once"
    for kind in (r"raw (\d-\d+)\.$", r"test.line_\d+.*?(\d-\d+)\."):
        lines = re.findall(kind, text, re.MULTILINE)
        assert len(lines) == len(set(lines)) == 2000
    for begun in (full, log.read_text()):
        assert "log.began" in begun.splitlines()[0]
        assert "edge-1" in begun.splitlines()[0], "called as its file"


def test_a_log_elsewhere_is_left_as_it_is(tmp_path: Path) -> None:
    """It is for those who send it there to keep it small."""
    with (tmp_path / "edge.log").open("ab") as out:
        _run(THREADS.format(limit=10_000, form="json", folder=str(tmp_path)), stdout=out, stderr=out)
    assert [path.name for path in tmp_path.iterdir()] == ["edge.log"]


def test_an_error_tells_no_secret() -> None:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(PROGRAM)], capture_output=True, text=True, check=True)
    told = done.stdout + done.stderr
    assert SECRET not in told
    assert "room.decide_failed" in told
    assert "Task exception was never retrieved" in told
    assert told.count("in fails") == 4, "each of the two, by each of the two loggers"
    # As lines of their own: from 3.13 on, the lines that were gone through are shown for such a program, too.
    assert [told.splitlines().count(error) for error in ("KeyError", "ValueError")] == [2, 2]
