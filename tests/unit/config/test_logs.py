"""Logged errors say where they were raised, never what they say or what the variables held."""

from __future__ import annotations

import errno
import io
import subprocess
import sys
import textwrap

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

    logs.configure()
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

    logs.configure()
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


def test_an_error_tells_no_secret() -> None:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(PROGRAM)], capture_output=True, text=True, check=True)
    told = done.stdout + done.stderr
    assert SECRET not in told
    assert "room.decide_failed" in told
    assert "Task exception was never retrieved" in told
    assert told.count("in fails") == 4, "each of the two, by each of the two loggers"
    # As lines of their own: from 3.13 on, the lines that were gone through are shown for such a program, too.
    assert [told.splitlines().count(error) for error in ("KeyError", "ValueError")] == [2, 2]
