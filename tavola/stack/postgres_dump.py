"""pg_dump and psql from the wheel, at work on any Postgres: one into a compressed file, the other out of it. A URL's
password goes by the environment, which nobody else on the machine sees."""

import hashlib
import os
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from tavola.config.failures import Failure
from tavola.stack.embedded_account import programs

CHUNK = 1 << 20
GZIP = 31
"""zlib's word for a gzip stream."""
LEVEL = 3
NEWER_ONLY = b"SET transaction_timeout = 0;\n"
"""A line that pg_dump writes first, and that servers before 17 do not know."""

Told = Callable[[int], None]
"""Told of so many bytes more."""


class DumpFailed(Failure):
    """pg_dump or psql said that it could not."""


class Dumped(NamedTuple):
    """A file of SQL: its bytes, before and after compression, and the SHA-256 of the file."""

    sql_bytes: int
    file_bytes: int
    sha256: str


def dump(url: str, to: Path, told: Told) -> Dumped:
    """Everything in the database, as of one moment, while others go on. On return it is on disk. Raises `DumpFailed`,
    `OSError`."""
    options = ["--no-owner", "--no-privileges", "--format=plain", "--lock-wait-timeout=60000"]
    packer, digest, size, written = zlib.compressobj(LEVEL, wbits=GZIP), hashlib.sha256(), 0, 0
    with open(to, "xb", opener=_private) as file, _program("pg_dump", url, options, stdout=subprocess.PIPE) as process:

        def put(data: bytes) -> int:
            digest.update(data)
            file.write(data)
            return len(data)

        assert process.stdout is not None
        while chunk := process.stdout.read(CHUNK):
            if not size:
                chunk = chunk.replace(NEWER_ONLY, b"", 1)
            size += len(chunk)
            written += put(packer.compress(chunk))
            told(len(chunk))
        written += put(packer.flush())
        file.flush()
        os.fsync(file.fileno())
    return Dumped(size, written, digest.hexdigest())


def load(url: str, file: Path, before: str, after: str, told: Told) -> None:
    """The SQL in `file`, between two pieces of SQL, in one transaction: all of it, or nothing. Raises `DumpFailed`."""
    options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]
    with _program("psql", url, options, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        try:
            process.stdin.write(f"BEGIN;\n{before};\n".encode())
            for chunk in unpacked(file):
                process.stdin.write(chunk)
                told(len(chunk))
            process.stdin.write(f"\nRESET ALL;\n{after};\nCOMMIT;\n".encode())
            process.stdin.close()
        except BrokenPipeError:
            pass  # It has ended, and says why.


def unpacked(file: Path) -> Iterator[bytes]:
    """The SQL in it, a piece at a time. Raises `DumpFailed` where it ends before its end."""
    reader = zlib.decompressobj(wbits=GZIP)
    with file.open("rb") as packed:
        while data := packed.read(CHUNK):
            try:
                yield reader.decompress(data)
            except zlib.error as error:
                raise DumpFailed(f"{file} cannot be unpacked: {error}") from error
    if not reader.eof:
        raise DumpFailed(f"{file} ends before its end")


@contextmanager
def _program(
    name: str, url: str, options: list[str], *, stdin: int | None = None, stdout: int | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """It has ended well when the block is left; if the block raises, it is ended."""
    parts = urlsplit(url)
    bare = urlunsplit(parts._replace(netloc=_without_password(parts.netloc)))
    environment = {"HOME": os.environ.get("HOME", "/"), "PGAPPNAME": f"tavola {name}"}
    if parts.password is not None:
        environment["PGPASSWORD"] = unquote(parts.password)
    with tempfile.TemporaryFile() as said:
        command = [str(programs(None) / name), *options, f"--dbname={bare}"]
        process = subprocess.Popen(command, env=environment, stdin=stdin, stdout=stdout, stderr=said)
        try:
            yield process
            code = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            for pipe in (process.stdin, process.stdout):
                _close(pipe)
        if code:
            said.seek(0)
            raise DumpFailed(f"{name} failed: {_why(said.read().decode(errors='replace')) or f'exit code {code}'}")


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with suppress(BrokenPipeError):
            pipe.close()


def _why(text: str) -> str:
    """The line that says what was wrong; those behind it may quote what is stored."""
    lines = [line for line in text.splitlines() if "error:" in line.lower()]
    return lines[0].strip() if lines else text.strip().rpartition("\n")[2]


def _without_password(place: str) -> str:
    who, at, where = place.rpartition("@")
    return f"{who.partition(':')[0]}{at}{where}"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
