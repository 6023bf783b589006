"""Named crash points: places where a test has the process killed, to prove what survives it.

Switched on by `TAVOLA_CRASH_DIR`: when a process reaches a point and a file of the point's name lies in that folder, or
one that is for this process alone (`NAME.for.PID`), it renames the file to `NAME.hit.PID` (so that it happens once, and
the test can see that it did) and kills itself with SIGKILL. Without the setting a point costs nothing.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from typing import Literal

Point = Literal[
    "commit.before", "commit.after", "publish.after",
    "archive.decided", "archive.written", "archive.listed", "archive.going", "archive.gone",
    "erasure.found", "erasure.named", "erasure.fenced", "erasure.rewriting", "erasure.listed", "erasure.archived",
]  # fmt: skip


def _nothing(point: Point) -> None:
    pass


def points(folder: str | None, flush: Callable[[], None]) -> Callable[[Point], None]:
    """The function to call at each point, given the value of `TAVOLA_CRASH_DIR`. `flush` sends what was published: who
    dies at `publish.after` has done so."""
    if not folder:
        return _nothing

    def reached(point: Point) -> None:
        armed, pid = os.path.join(folder, point), os.getpid()
        for file in (armed, f"{armed}.for.{pid}"):
            with contextlib.suppress(FileNotFoundError):
                os.rename(file, f"{armed}.hit.{pid}")
                if point == "publish.after":
                    flush()
                os.kill(pid, signal.SIGKILL)

    return reached
