"""The pooler's door: whoever is not us finds neither it nor the database behind it; nonsense ends one stream alone."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kit.poolers import PoolerNode, pooler_node
from kit.strangers import STRANGER, as_root, stranger
from tavola.storage.postgres import StorageUnavailable

NONSENSE = (b"\0\0\0\1\xc1", b"\xff\xff\xff\xff", b"\0\0\0\4\x91\x92\1\xc0")
ASK = """
with socket.socket(socket.AF_UNIX) as line:
    try:
        line.connect(sys.argv[1])
        line.sendall(bytes.fromhex(sys.argv[2]))
        print(line.recv(1))
    except (PermissionError, ConnectionError) as error:
        print(type(error).__name__)
"""
PING = b"\x91\x92\x01\x91\x04"


@pytest.fixture
def node(database_url: str) -> Iterator[PoolerNode]:
    with pooler_node(database_url) as node:
        yield node


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(4, "big") + message


async def test_a_ping_is_what_the_test_takes_it_for(node: PoolerNode) -> None:
    async with node.actor() as database:
        await database.row("ping")
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(20)
            line.connect(node.door.path)
            line.sendall(framed(PING))
            assert len(line.recv(100)) > 4


@as_root
async def test_nobody_else_reaches_it(node: PoolerNode) -> None:
    async with node.actor() as database:
        await database.row("ping")
        asked = (node.door.path, framed(PING).hex())
        assert stranger(ASK, *asked) == "PermissionError\n"
        # Where somebody has opened the folder and the socket to everybody, the kernel says who it is.
        os.chmod(node.folder, 0o755)
        os.chmod(node.door.path, 0o777)
        assert stranger(ASK, *asked) in ("b''\n", "ConnectionResetError\n", "BrokenPipeError\n")
        os.chmod(node.folder, 0o700)
        await database.row("ping")


async def test_an_actor_uses_no_folder_that_others_may_enter(node: PoolerNode) -> None:
    os.chmod(node.folder, 0o755)
    async with node.actor() as database:
        with pytest.raises(StorageUnavailable, match="others may enter"):
            await database.row("ping")
    assert node.poolers() == []


@contextmanager
def impostor(path: str) -> Iterator[None]:
    """Another user's socket there. In the end it must have been told nothing."""
    pid = os.fork()
    if pid == 0:
        os.setgid(STRANGER)
        os.setuid(STRANGER)
        door = socket.socket(socket.AF_UNIX)
        door.bind(path)
        door.listen(8)
        line, _ = door.accept()
        os._exit(1 if line.recv(1) else 0)
    try:
        while not os.path.exists(path):
            assert os.waitpid(pid, os.WNOHANG) == (0, 0)
        yield
    finally:
        _, status = os.waitpid(pid, 0)
    assert status == 0


@as_root
async def test_an_actor_tells_nothing_to_another_users_socket(node: PoolerNode) -> None:
    os.chmod(node.folder, 0o777)
    with impostor(node.door.path):
        os.chmod(node.folder, 0o700)
        async with node.actor() as database:
            with pytest.raises(StorageUnavailable, match="another user"):
                await database.row("ping")


@pytest.mark.parametrize("nonsense", NONSENSE)
async def test_nonsense_ends_a_stream_and_no_more(node: PoolerNode, nonsense: bytes) -> None:
    async with node.actor() as database:
        await database.row("ping")
        [pooler] = node.poolers()
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(20)
            line.connect(node.door.path)
            line.sendall(nonsense)
            assert line.recv(1) == b""
        await database.row("ping")
        assert node.poolers() == [pooler]
