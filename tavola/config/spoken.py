"""Text that code prints, a game's or a library's, as lines of a log that has another form."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TextIO

LONGEST = 64 << 10
"""Characters of a line; the rest of a longer one is a line of its own."""


class Spoken:
    """Takes the place of `stream`: what is written there is given to `tell`, a line at a time."""

    def __init__(self, stream: TextIO, tell: Callable[[str], None]) -> None:
        self._stream, self._tell = stream, tell
        self._begun = ""
        self._lock = threading.Lock()

    def write(self, text: str) -> int:
        with self._lock:
            *lines, self._begun = (self._begun + text).split("\n")
            if len(self._begun) > LONGEST:
                lines, self._begun = [*lines, self._begun], ""
        for line in lines:
            if line.strip():
                self._tell(line)
        return len(text)

    def writelines(self, texts: list[str]) -> None:
        for text in texts:
            self.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
