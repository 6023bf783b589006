"""A log file of ours is made anew when it is full, by the process that writes it: so no line is lost.

Another process can only copy it and cut it off, and what is written in between is gone; Ray leads the output of its
workers through a pipe within the worker itself, and loses what is in there when that is killed.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from fcntl import F_GETFL, fcntl
from pathlib import Path

LOG_BYTES = 8 << 20
"""A log of this size is renamed (`old`) and begun anew; the one of that name before goes."""


def old(log: Path) -> Path:
    """The name that a log has once it was full: `edge-1.log` → `edge-1.old.log`."""
    return log.with_suffix(f".old{log.suffix}")


class OwnFile:
    """The file behind a descriptor, to which this process alone writes."""

    def __init__(self, fd: int, path: Path, first: Callable[[], str]) -> None:
        """`first` makes the line with which each but the first file begins."""
        self._fd, self._path, self._first = fd, path, first
        self._lock = threading.Lock()

    @property
    def path(self) -> Path:
        return self._path

    @classmethod
    def behind(cls, fd: int, folders: Iterable[Path], first: Callable[[], str]) -> OwnFile | None:
        """None unless it is a file in (or below) one of these folders. Files there have one writer each."""
        with suppress(OSError):
            path = Path(os.readlink(f"/proc/self/fd/{fd}"))
            ours = any(path.is_relative_to(folder.resolve()) for folder in folders)
            if ours and stat.S_ISREG(os.fstat(fd).st_mode) and os.path.samestat(os.fstat(fd), path.lstat()):
                return cls(fd, path, first)
        return None

    def keep_small(self) -> None:
        """Call it before each line. Where the file is full and cannot be made anew, it grows."""
        with suppress(OSError):
            if os.fstat(self._fd).st_size > LOG_BYTES:
                with self._lock:
                    self._renew()

    def _renew(self) -> None:
        full = os.fstat(self._fd)
        if full.st_size <= LOG_BYTES or not os.path.samestat(full, self._path.lstat()):
            return  # Another thread was first, or somebody else has moved the file, and knows why.
        fresh = self._path.with_name(f".{self._path.name}.new")
        fresh.unlink(missing_ok=True)
        new = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            os.write(new, self._first().encode())
            self._path.rename(old(self._path))
            fresh.rename(self._path)
            # A descriptor is replaced in one step: what is written meanwhile goes to one of the two files.
            for fd in _open_files():
                with suppress(OSError):
                    if os.path.samestat(os.fstat(fd), full) and fcntl(fd, F_GETFL) & os.O_ACCMODE != os.O_RDONLY:
                        os.dup2(new, fd, inheritable=os.get_inheritable(fd))
        finally:
            os.close(new)


def _open_files() -> list[int]:
    """Ours. Ray keeps one of its own that leads to a worker's log."""
    return [int(name) for name in os.listdir("/proc/self/fd")]
