"""The clock by which stored things are judged, and how tests set it ahead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tavola.config.clock import SetClock, clock, machine_ms

DAY_MS = 86_400_000


def test_without_a_file_it_is_the_machines() -> None:
    assert clock(None) is machine_ms
    assert clock("") is machine_ms


def test_everybody_with_the_file_follows_it(tmp_path: Path) -> None:
    mine = SetClock(tmp_path / "clock")
    theirs = clock(str(mine.file))
    before = machine_ms()
    assert before <= theirs() <= machine_ms()
    mine.put_ahead(DAY_MS)
    mine.put_ahead(DAY_MS)
    for now in (theirs, mine.now_ms):
        assert before + 2 * DAY_MS <= now() <= machine_ms() + 2 * DAY_MS


def test_the_environment_names_it(tmp_path: Path) -> None:
    mine = SetClock(tmp_path / "clock")
    mine.put_ahead(DAY_MS)
    program = "from tavola.config.clock import now_ms; print(now_ms())"
    environment = {"TAVOLA_CLOCK_FILE": str(mine.file)}
    said = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True).stdout
    assert 0 <= mine.now_ms() - int(said) < DAY_MS / 2
