"""The end of a file that others write to, as it grows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

LOOK_S = 0.5
SHOW_AGAIN_S = 2.0
MOST_BYTES = 8 << 10
"""So much is shown at once, and no more until `SHOW_AGAIN_S` later."""


class Tail:
    """The text that is added to the file from now on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = self._size()

    def more(self) -> str:
        """The text that was added since the last time, or as much of it as is shown at once. The file may be another
        by now."""
        size = self._size()
        begin = self._read if size >= self._read else 0
        self._read = size
        if size == begin or not self._path.exists():
            return ""
        with self._path.open("rb") as file:
            file.seek(begin)
            text = file.read(min(size - begin, MOST_BYTES)).decode(errors="replace")
        return text if size - begin <= MOST_BYTES else f"{text}\n…"

    async def follow(self) -> AsyncIterator[str]:
        """Everything that is added, a piece at a time, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            if text := self.more():
                yield text
                await asyncio.sleep(SHOW_AGAIN_S)

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0
