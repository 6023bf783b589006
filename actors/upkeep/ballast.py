"""The disk of the embedded Postgres, and a file on it that is given up when it is full: to delete anything takes space
for saying so in the write-ahead log, and without any Postgres cannot even start again."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from tavola.config.settings import Settings

SIZE = 64 << 20
LEAST_FREE = 16 * SIZE
"""On a disk with less than this free there is no such file."""
LOW = SIZE // 2
"""With less than this free the disk counts as full."""
NAME = "ballast"


def own_disk(settings: Settings) -> Path | None:
    """The folder of the Postgres that is used, if it is the embedded one and lies on this machine."""
    folder = settings.data_dir / "postgres"
    with suppress(FileNotFoundError):
        if urlsplit(settings.database_url).port == int((folder / "port").read_text()):
            return folder
    return None


class Ballast:
    """Without a folder there is none, and nothing is known of its disk. All of it blocks, briefly."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def free(self) -> int | None:
        """Bytes that the disk has left; None: not known."""
        return None if self._folder is None else shutil.disk_usage(self._folder).free

    @property
    def low(self) -> bool:
        free = self.free()
        return free is not None and free < LOW

    def drop(self) -> None:
        if self._folder is not None:
            (self._folder / NAME).unlink(missing_ok=True)

    def make(self) -> None:
        """If there is none, and space for it."""
        free = self.free()
        if self._folder is None or free is None or free < LEAST_FREE or (self._folder / NAME).exists():
            return
        fresh = self._folder / f"{NAME}.new"
        with suppress(OSError):  # Then there is none.
            try:
                with fresh.open("wb") as file:
                    os.posix_fallocate(file.fileno(), 0, SIZE)
                fresh.rename(self._folder / NAME)
            finally:
                fresh.unlink(missing_ok=True)
