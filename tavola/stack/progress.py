"""The lines of `tavola dev` while it works: one a step, with its time. On a terminal the steps at work turn a wheel."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from tavola.config.logs import unfailing

_BEGAN = 19
"""Of what stands in `/proc/self/stat` behind the name: when the process began, in ticks since the machine did."""


class StartProgress:
    """Its time is counted from the start of this process, all imports included."""

    def __init__(self) -> None:
        self._console = Console(file=unfailing(sys.stdout), highlight=False, markup=False, soft_wrap=True)
        self._begun = time.monotonic() - _age_s()
        self._at_work: dict[str, Spinner] = {}
        self._live = Live(console=self._console, refresh_per_second=12, transient=True)

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._begun

    def say(self, line: str | Text = "") -> None:
        self._console.print(line)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Shown while it lasts, and when it is done with the seconds that it took."""
        begun = time.monotonic()
        self._at_work[name] = Spinner("dots", Text(f"{name} …"))
        self._show()
        if not self._console.is_terminal:
            self.say(f"  … {name}")
        try:
            yield
        except BaseException:
            self._leave(name)
            raise
        self._leave(name)
        self.say(Text.assemble(("  ✓ ", "green"), f"{name} ", (f"{time.monotonic() - begun:.1f} s", "dim")))

    def _leave(self, name: str) -> None:
        del self._at_work[name]
        self._show()

    def _show(self) -> None:
        self._live.update(Group(*self._at_work.values()))
        if not self._at_work:
            self._live.stop()
        elif self._console.is_terminal:
            self._live.start()


def _age_s() -> float:
    """Of this process."""
    began = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[_BEGAN]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began
