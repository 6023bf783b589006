"""Where the archive lies: a folder, or whatever fsspec knows by a URL. Its files appear whole or not at all. All of it
blocks."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast


class ArchiveUnavailable(OSError):
    """The archive cannot be read or written. No row has gone that is not in it."""


class ArchiveStore(Protocol):
    """Files by their names. Every call raises `ArchiveUnavailable` when there is no such file, or no archive."""

    def spool(self) -> BinaryIO:
        """A new file, for what is to be put into the archive; it vanishes when it is closed."""

    def put(self, name: str, spooled: BinaryIO) -> None:
        """On return the archive has the file, durably, under that name; one that was there is replaced."""

    def open(self, name: str) -> BinaryIO: ...

    def has(self, name: str) -> bool: ...

    def remove(self, name: str) -> None:
        """On return there is no such file; nor need there have been one."""

    def names(self) -> list[str]:
        """In order."""


def store_at(location: str) -> ArchiveStore:
    """`location`: the path of a folder, which is made if it is not there, or a URL."""
    return UrlStore(location) if "://" in location else FolderStore(Path(location))


class FolderStore:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def spool(self) -> BinaryIO:
        with _away(str(self._folder)):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Beside its place: a file is moved within a disk at once.
            return cast(BinaryIO, tempfile.NamedTemporaryFile(dir=self._folder, prefix=".part-"))

    def put(self, name: str, spooled: BinaryIO) -> None:
        with _away(name):
            spooled.flush()
            os.fsync(spooled.fileno())
            beside = self._folder / f"{Path(spooled.name).name}.whole"
            os.link(spooled.name, beside)
            os.replace(beside, self._folder / name)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def open(self, name: str) -> BinaryIO:
        with _away(name):
            return (self._folder / name).open("rb")

    def has(self, name: str) -> bool:
        with _away(name):
            return (self._folder / name).exists()

    def remove(self, name: str) -> None:
        with _away(name):
            (self._folder / name).unlink(missing_ok=True)

    def names(self) -> list[str]:
        with _away(str(self._folder)):
            if not self._folder.exists():
                return []
            return sorted(each.name for each in self._folder.iterdir() if not each.name.startswith("."))


class UrlStore:
    """Object stores put a file whole or not at all."""

    def __init__(self, url: str) -> None:
        import fsspec

        with _away(url):
            self._files, self._path = cast(tuple[Any, str], fsspec.core.url_to_fs(url))

    def _at(self, name: str) -> str:
        return f"{self._path.rstrip('/')}/{name}"

    def spool(self) -> BinaryIO:
        return cast(BinaryIO, tempfile.TemporaryFile())

    def put(self, name: str, spooled: BinaryIO) -> None:
        with _away(name):
            spooled.flush()
            spooled.seek(0)
            self._files.makedirs(self._path, exist_ok=True)
            with self._files.open(self._at(name), "wb") as out:
                shutil.copyfileobj(spooled, out, 1 << 20)

    def open(self, name: str) -> BinaryIO:
        with _away(name):
            return cast(BinaryIO, self._files.open(self._at(name), "rb"))

    def has(self, name: str) -> bool:
        with _away(name):
            return bool(self._files.exists(self._at(name)))

    def remove(self, name: str) -> None:
        with _away(name):
            if self._files.exists(self._at(name)):
                self._files.rm_file(self._at(name))

    def names(self) -> list[str]:
        with _away(self._path):
            if not self._files.exists(self._path):
                return []
            return sorted(str(each).rpartition("/")[2] for each in self._files.ls(self._path, detail=False))


@contextmanager
def _away(what: str) -> Iterator[None]:
    """Each kind of store has errors of its own."""
    try:
        yield
    except Exception as error:
        raise ArchiveUnavailable(f"{what}: {type(error).__name__}: {error}".splitlines()[0]) from error
