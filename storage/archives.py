"""The files of the archive: rows as compressed JSON lines, and a manifest that says how many there are and their
checksum. A file without a manifest is none: the manifest is written last, after the file was read back.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

import msgspec

from tavola.storage.archive_store import ArchiveStore, ArchiveUnavailable
from tavola.storage.packing import unpack
from tavola.storage.rows import Row

VERSION = 1
MANIFEST = ".manifest.json"
ROWS = ".jsonl.gz"
LEVEL = 6


class ArchiveDamaged(ArchiveUnavailable):
    """A file of the archive is not what its manifest says."""


class Manifest(msgspec.Struct, frozen=True):
    """One file of the archive. `tables`: how many of its rows are of which; `sha256` is that of the file as it lies."""

    v: int
    name: str
    kind: str
    day: str | None
    made_at: int
    tables: dict[str, int]
    rows: int
    bytes: int
    sha256: str


class ArchivedRow(msgspec.Struct, frozen=True):
    """A line: a row as Postgres makes JSON of it, and its table."""

    table: str
    row: msgspec.Raw


_line = msgspec.json.Decoder(ArchivedRow).decode
_manifest = msgspec.json.Decoder(Manifest).decode


class ArchiveWriter:
    """A file that is being written: rows, then `finish`. Nothing is in the archive before."""

    def __init__(self, store: ArchiveStore, name: str, kind: str, day: str | None, made_at: int) -> None:
        self._store = store
        self._told = (name, kind, day, made_at)
        self._spool = store.spool()
        self._out = gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=self._spool, mtime=0)
        self._tables: dict[str, int] = {}

    def add(self, table: str, rows: Iterable[str]) -> None:
        """`rows` are JSON objects. Blocks: it compresses."""
        # In JSON a line ends nowhere but between what it says.
        lines = [f'{{"table":"{table}","row":{row.replace(chr(10), " ")}}}\n' for row in rows]
        self._tables[table] = self._tables.get(table, 0) + len(lines)
        self._out.write("".join(lines).encode())

    def finish(self) -> Manifest:
        """The file is in the archive, and was read back; it still has no manifest. Blocks. Raises
        `ArchiveUnavailable`."""
        self._out.close()
        self._spool.flush()
        self._spool.seek(0)
        digest, size = hashlib.sha256(), 0
        while piece := self._spool.read(1 << 20):
            digest.update(piece)
            size += len(piece)
        name, kind, day, made_at = self._told
        rows = sum(self._tables.values())
        manifest = Manifest(VERSION, name, kind, day, made_at, self._tables, rows, size, digest.hexdigest())
        self._store.put(name + ROWS, self._spool)
        verified(self._store, manifest)
        return manifest

    def close(self) -> None:
        """Nothing is left of what was not finished."""
        self._spool.close()


def list_file(store: ArchiveStore, manifest: Manifest) -> None:
    """The file counts from now on."""
    with store.spool() as spooled:
        spooled.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        store.put(manifest.name + MANIFEST, spooled)


def unlist(store: ArchiveStore, name: str) -> None:
    """The file counts no more, and goes."""
    store.remove(name + MANIFEST)
    store.remove(name + ROWS)


def manifest_of(store: ArchiveStore, name: str) -> Manifest | None:
    """None: there is no such file. Raises `ArchiveDamaged` if it cannot be read."""
    if not store.has(name + MANIFEST):
        return None
    with store.open(name + MANIFEST) as file:
        text = file.read()
    try:
        manifest = _manifest(text)
    except msgspec.MsgspecError as error:
        raise ArchiveDamaged(f"{name}: its manifest cannot be read ({error})") from error
    if manifest.v > VERSION:
        raise ArchiveDamaged(f"{name}: its manifest is of version {manifest.v}, and this is {VERSION}")
    return manifest


def manifests(store: ArchiveStore) -> Iterator[Manifest]:
    """Those of all files, in the order of their names."""
    for name in store.names():
        if name.endswith(MANIFEST) and (manifest := manifest_of(store, name.removesuffix(MANIFEST))) is not None:
            yield manifest


def verified(store: ArchiveStore, manifest: Manifest) -> Manifest:
    """The same. Raises `ArchiveDamaged` unless all of its file can be read, and is what it says."""
    for _ in rows_of(store, manifest):
        pass
    return manifest


def rows_of(store: ArchiveStore, manifest: Manifest) -> Iterator[ArchivedRow]:
    """Its rows. Raises `ArchiveDamaged`, at the latest after the last of them, if they are not what it says."""
    tables: dict[str, int] = {}
    with store.open(manifest.name + ROWS) as file:
        hashed = _Hashed(file)
        try:
            for text in gzip.GzipFile(fileobj=cast(BinaryIO, hashed)):
                row = _line(text)
                tables[row.table] = tables.get(row.table, 0) + 1
                yield row
        except (EOFError, zlib.error, msgspec.MsgspecError, OSError) as error:
            raise ArchiveDamaged(f"{manifest.name}: it cannot be read ({type(error).__name__}: {error})") from error
        while hashed.read(1 << 20):
            pass
    if (hashed.size, hashed.digest.hexdigest()) != (manifest.bytes, manifest.sha256):
        raise ArchiveDamaged(f"{manifest.name}: its checksum is another")
    if tables != manifest.tables:
        raise ArchiveDamaged(f"{manifest.name}: it has {tables}, and should have {manifest.tables}")


def log_line(row: Row) -> str:
    """A row of `history` as JSON, in the shape of the view `actions`. Raises `NotUnpacked`."""
    return text_line(row, unpack(row["body"], row["room_id"], row["user_id"], row["command_id"], row["at"]))


def text_line(row: Row, text: bytes) -> str:
    """The same of a row with another text."""
    room, user, command, at = row["room_id"], row["user_id"], row["command_id"], row["at"]
    parts = _parts(text)
    texts = [bytes(part).decode() for part in parts]
    patch, outside, private = ("" if text == "null" else text for text in texts[6:9])
    return msgspec.json.encode({
        "room_id": room, "seq": row["seq"], "epoch": row["epoch"], "game": parts[1], "hand": parts[2], "user_id": user,
        "user_name": parts[0], "command_id": command, "command": texts[3], "answer": texts[4], "events": texts[5],
        "patch": patch, "outside": outside, "private": private, "versions": row["versions"],
        "entropy": f"\\x{row['entropy'].hex()}", "at": at,
    }).decode()  # fmt: skip


_parts = msgspec.json.Decoder(list[msgspec.Raw]).decode


class _Hashed:
    """A file that is hashed as it is read from its beginning to its end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self.digest.update(piece)
        self.size += len(piece)
        return piece

    def seekable(self) -> bool:
        return False
