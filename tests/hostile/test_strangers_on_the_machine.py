"""Another user of the machine reads no file of the embedded servers, gets nothing from them, and puts nothing in our
data folder."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.strangers import as_root, stranger
from tavola.stack.embedded import EmbeddedServer
from tavola.stack.embedded_postgres import EmbeddedPostgres
from tavola.stack.embedded_redis import EmbeddedRedis

OPEN = """
for path in sys.argv[1:]:
    try:
        os.close(os.open(path, os.O_RDONLY))
        print(path)
    except PermissionError:
        pass
"""
ASK = """
with socket.socket() as line:
    line.connect((b"127.0.0.1", int(sys.argv[1])))
    line.sendall(b"GET session:1\\r\\nPUBLISH room:1 forged\\r\\nQUIT\\r\\n")
    with line.makefile("rb") as said:
        print(said.readline().split()[0], said.readline().split()[0])
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Below none that is private."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        os.chmod(made, 0o755)
        yield Path(made)


@as_root
@pytest.mark.parametrize("server", [EmbeddedPostgres, EmbeddedRedis])
async def test_they_open_no_file(folder: Path, server: type[EmbeddedServer]) -> None:
    one = server(folder / "server")
    async with one:
        assert one.process is not None
        files = list((folder / "server").rglob("*"))
        assert one.password_file in files
        own = [f"/proc/{one.process.pid}/{name}" for name in ("environ", "mem", "fd", "cwd")]
        assert stranger(OPEN, *files, *own) == ""


@as_root
async def test_redis_does_as_little_for_them(folder: Path) -> None:
    async with EmbeddedRedis(folder / "redis"):
        told = stranger(ASK, (folder / "redis" / "port").read_text())
        assert told.split() == ["b'-NOAUTH'", "b'-NOAUTH'"]


def test_a_data_folder_that_everybody_may_write_to_is_refused(folder: Path) -> None:
    os.chmod(folder, 0o777)
    refused = _dev(folder)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"tavola: TAVOLA_DATA_DIR: everybody may write to {folder}")
    assert list(folder.iterdir()) == []


def _dev(folder: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "tavola", "dev", "--port", "0", "--data-dir", str(folder)]
    return subprocess.run(argv, cwd="/", capture_output=True, text=True, timeout=100)
