"""The clock by which is judged what is stored: when a turn is over, a room empty, a token expired, a day past.

Tests set it ahead: `TAVOLA_CLOCK_FILE` names a file of eight bytes, in this machine's order, which say by how many
milliseconds; all processes of a stack that is started with it follow what they say. A clock may be set ahead on any
machine, so an actor that sees it sets its alarms anew. How long somebody is waited for is told by no such clock.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path


def clock(file: str | None) -> Callable[[], int]:
    """Milliseconds since the epoch, given the value of `TAVOLA_CLOCK_FILE`."""
    if not file:
        return machine_ms
    with open(file, "rb") as opened:
        ahead = mmap.mmap(opened.fileno(), 8, access=mmap.ACCESS_READ)
    return lambda: machine_ms() + int(struct.unpack_from("=q", ahead)[0])


def machine_ms() -> int:
    return time.time_ns() // 1_000_000


class SetClock:
    """The file of such a clock, for who sets it. It is made here, and does not go ahead."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.ahead_ms = 0
        file.write_bytes(bytes(8))
        self.now_ms = clock(str(file))

    def put_ahead(self, by_ms: int) -> None:
        self.ahead_ms += by_ms
        with open(self.file, "r+b") as opened:
            opened.write(struct.pack("=q", self.ahead_ms))


now_ms = clock(os.environ.get("TAVOLA_CLOCK_FILE"))
