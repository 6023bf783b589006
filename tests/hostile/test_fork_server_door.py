"""The fork server's door: whoever is not us finds neither it nor what is sent through it; nonsense ends a request."""

from __future__ import annotations

import json
import marshal
import os
import select
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kit.strangers import STRANGER, as_root, stranger
from tavola.stack import fork_server

NONSENSE = (
    marshal.dumps(([], {}, "/")),
    b"\xff\xfe",
    b"[" * 100_000,
    b"{}",
    b'[["--help"],{},7]',
    b'[["--help"],{"A":null},"/"]',
    b'[[7],{},"/"]',
)
SILENT_S = 0.5
ASK = """
with socket.socket(socket.AF_UNIX) as line:
    line.connect(sys.argv[1])
    try:
        socket.send_fds(line, [len(sys.argv[2]).to_bytes(4, "big")], [0, 1, 2])
        line.sendall(sys.argv[2].encode())
        print(line.recv(1))
    except ConnectionError:
        print(b"")
"""


START = "import sys; from tavola.stack import fork_server; fork_server._start(sys.argv[1])"


@pytest.fixture
def folder() -> Iterator[str]:
    """Private, and below none that is."""
    with tempfile.TemporaryDirectory(dir="/tmp") as private:
        yield private


@contextmanager
def _served(folder: str) -> Iterator[str]:
    """The path of a server's door. It ends with its raylet, for which a sleeper stands."""
    with subprocess.Popen(["sleep", "600"]) as raylet:
        environment = {**os.environ, "RAY_RAYLET_PID": str(raylet.pid)}
        try:
            subprocess.run([sys.executable, "-c", START, f"{folder}/forks"], env=environment, check=True)
            yield f"{folder}/forks"
        finally:
            raylet.kill()


def _asked(door: str, request: bytes, files: list[int], size: int | None = None) -> bytes:
    """The server's answer: b"1", or nothing."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(60)
        line.connect(door)
        try:
            socket.send_fds(line, [(len(request) if size is None else size).to_bytes(4, "big")], files)
            line.sendall(request)
            line.shutdown(socket.SHUT_WR)
            return line.recv(1)
        except ConnectionError:
            return b""


def test_nonsense_ends_the_request_alone(folder: str) -> None:
    with _served(folder) as door:
        for each in NONSENSE:
            assert _asked(door, each, [0, 1, 2]) == b""
        good = json.dumps((["--help"], dict(os.environ), "/")).encode()
        assert _asked(door, good, [0]) == b"", "a worker has three files"
        assert _asked(door, good, [0, 1, 2], size=2**32 - 1) == b""
        reads, writes = os.pipe()
        with open(reads, "rb") as said, open(os.devnull, "rb") as nothing:
            with open(writes, "wb") as out:
                assert _asked(door, good, [nothing.fileno(), out.fileno(), out.fileno()]) == b"1"
            assert b"--raylet-name" in said.read(), "Ray's worker tells of its options"


@pytest.mark.parametrize("mode", [0o777, 0o755, 0o710, 0o701])
def test_no_server_in_a_folder_that_others_may_enter(folder: str, mode: int) -> None:
    os.chmod(folder, mode)
    assert not fork_server._have_forked(folder, [])
    assert os.listdir(folder) == []


@as_root
def test_no_server_in_somebody_elses_folder(folder: str) -> None:
    os.chown(folder, STRANGER, STRANGER)
    assert not fork_server._have_forked(folder, [])
    assert os.listdir(folder) == []


def test_no_server_in_a_folder_that_a_link_leads_to(folder: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert not fork_server._have_forked(str(tmp_path / "link"), [])
    assert os.listdir(folder) == []


def test_a_link_in_place_of_the_lock_is_not_followed(folder: str, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("kept")
    Path(folder, "forks.lock").symlink_to(precious)
    assert not fork_server._have_forked(folder, [])
    assert os.listdir(folder) == ["forks.lock"]
    assert precious.read_text() == "kept"


@as_root
def test_a_stranger_who_listens_is_told_nothing(folder: str) -> None:
    """They have got their socket into our folder, somehow."""
    listen = "door = socket.socket(fileno=int(sys.argv[1])); door.listen(); print(flush=True); sys.stdin.read()"
    become = f"import os, socket, sys; os.setgid({STRANGER}); os.setuid({STRANGER})\n"
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(f"{folder}/forks")
        with subprocess.Popen(
            [sys.executable, "-c", become + listen, str(door.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[door.fileno()],
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"\n"
            assert not fork_server._have_forked(folder, ["--help"])
            line, _ = door.accept()
            with line:
                assert select.select([line], [], [], SILENT_S)[0] == [line]
                assert line.recv(1) == b"", "hung up"
            other.communicate()


@as_root
def test_a_stranger_who_asks_is_not_served(folder: str) -> None:
    """The folder keeps them out; and if it did not, the server would."""
    good = json.dumps((["--help"], {}, "/"))
    with _served(folder) as door:
        with pytest.raises(AssertionError, match="PermissionError"):
            stranger(ASK, door, good)
        os.chmod(folder, 0o755)
        os.chmod(door, 0o777)
        assert stranger(ASK, door, good).strip() == "b''"


def test_other_code_on_the_disk_has_a_server_of_its_own(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    doors: list[socket.socket] = []

    def start(path: str, seen: str) -> None:
        assert not os.path.lexists(path), "nobody comes to the one of before any more"
        door = socket.socket(socket.AF_UNIX)
        door.bind(path)
        door.listen()
        Path(f"{path}.code").write_text(seen)
        doors.append(door)

    monkeypatch.setattr(fork_server, "_start", start)
    for seen, servers in (("one", 1), ("one", 1), ("two", 2), ("two", 2), ("one", 3)):
        monkeypatch.setattr("tavola.config.code_mark.seen_on_disk", lambda seen=seen: seen)
        with socket.socket(socket.AF_UNIX) as line:
            fork_server._reach(line, folder)
        assert len(doors) == servers
    for door in doors:
        door.close()
