"""What is logged of an error: where, never what it says or what the variables held."""

from __future__ import annotations

import subprocess
import sys
import textwrap

SECRET = "AhKd"
PROGRAM = """
    import logging
    import structlog
    from tavola import logs

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


def test_an_error_tells_no_secret() -> None:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(PROGRAM)], capture_output=True, text=True, check=True)
    told = done.stdout + done.stderr
    assert SECRET not in told
    assert "room.decide_failed" in told
    assert "Task exception was never retrieved" in told
    assert told.count("in fails") == 4, "each of the two, by each of the two loggers"
    assert told.count("KeyError") == told.count("ValueError") == 2
