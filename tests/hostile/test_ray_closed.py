"""Ray on a machine with other users: none of them enters its folders, asks it for anything, or reads our secrets there.

The data lie so deep that Ray's folder has to lie elsewhere, as it does with many people's.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from kit.strangers import as_root, stranger
from tavola.stack.local_ray import LocalRay

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SECRETS = {
    "DATABASE_URL": "postgresql://tavola:told-to-nobody@db.example.org/tavola",
    "REDIS_URL": "redis://:told-to-nobody@redis.example.org/0",
    "REDIS_PASSWORD": "told-to-nobody",
    "TAVOLA_JWT_SECRET": "told-to-nobody, for which it is long enough",
    "TAVOLA_ADMIN_SECRET": "told-to-nobody, not even to an actor",
    "TAVOLA_TRUSTED_KEY": "told-to-nobody, too",
}
AN_ACTOR = """
import json, os, sys
import psutil, ray

@ray.remote(num_cpus=0)
class Actor:
    def told(self):
        return [dict(os.environ), " ".join(psutil.Process().parent().cmdline()), os.getpid()]

ray.init(address=sys.argv[1], log_to_driver=False, configure_logging=False)
actor = Actor.remote()
print(json.dumps(ray.get(actor.told.remote(), timeout=60)), flush=True)
sys.stdin.read()
"""
ENTER = """
for path in sys.argv[1:]:
    try:
        os.listdir(path)
        print(path)
    except PermissionError:
        pass
"""
CONNECT = """
for path in sys.argv[1:]:
    try:
        socket.socket(socket.AF_UNIX).connect(path)
        print(path)
    except PermissionError:
        pass
"""
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
GREETING = bytes((4, 0, 0, 0, 0, 0))
"""The beginning of HTTP/2; and of its answer, after a length: settings, of no stream."""
ASK_THE_AGENT = b"POST /get_or_create_runtime_env HTTP/1.1\r\nHost: ray\r\nContent-Length: 0\r\n\r\n"
JOIN = """
import sys
import ray
ray.init(address=sys.argv[1], log_to_driver=False, configure_logging=False)
print(ray.nodes())
"""


@pytest.fixture(scope="module")
def deep() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder) / ("deep" * 20)


@pytest.fixture(scope="module")
def server(deep: Path) -> Iterator[LocalRay]:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in SECRETS.items():
            environment.setenv(name, value)
        server = LocalRay(deep / "ray")
        asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@contextmanager
def _actor(server: LocalRay) -> Iterator[tuple[dict[str, str], str, int]]:
    """Its environment, the command line of the process that made it, and its pid."""
    environment = {**os.environ, **server.environment}
    address = (server.folder / "address").read_text()
    with subprocess.Popen(
        [sys.executable, "-c", AN_ACTOR, address], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as driver:
        assert driver.stdout is not None
        yield json.loads(driver.stdout.readline())
        driver.communicate()


def _processes(server: LocalRay) -> list[psutil.Process]:
    assert server.process is not None
    head = psutil.Process(server.process.pid)
    return [head, *head.children(recursive=True)]


def _sockets(server: LocalRay) -> list[Path]:
    return [path for path in server.data.resolve().rglob("*") if path.is_socket()]


def test_no_secret_is_in_an_environment_or_a_command_line(server: LocalRay) -> None:
    with _actor(server) as (environment, maker, pid):
        assert "fork_server" in maker
        assert "told-to-nobody" not in json.dumps(environment)
        assert not environment.keys() & SECRETS.keys()
        token = server.password_file.read_text().strip()
        for process in (*_processes(server), psutil.Process(pid), psutil.Process(pid).parent()):
            assert process is not None
            assert "told-to-nobody" not in json.dumps(process.environ())
            assert "told-to-nobody" not in " ".join(process.cmdline())
            assert token not in " ".join(process.cmdline())


@as_root
def test_nobody_else_enters_its_folders(server: LocalRay) -> None:
    with _actor(server):
        place = server.data.resolve()
        assert not place.is_relative_to(server.folder), "it lies elsewhere"
        folders = [place, *(path for path in place.rglob("*") if path.is_dir())]
        assert stranger(ENTER, *folders) == ""
        sockets = _sockets(server)
        assert {path.name for path in sockets} == {"forks", "plasma_store", "raylet"}
        assert stranger(CONNECT, *sockets) == ""


@pytest.mark.long
def test_nobody_joins_without_the_token(server: LocalRay) -> None:
    tls = {name: value for name, value in server.environment.items() if not name.startswith("RAY_AUTH")}
    told = subprocess.run(
        [sys.executable, "-c", JOIN, (server.folder / "address").read_text()],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **tls},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert told.stdout == ""
    assert "AuthenticationError" in told.stderr, told.stderr


def test_nobody_is_spoken_to_without_the_certificate(server: LocalRay) -> None:
    with _actor(server) as (_, _, pid):
        doors = {
            each.laddr.port: process.name()
            for process in (*_processes(server), psutil.Process(pid))
            for each in process.net_connections("tcp")
            if each.status == psutil.CONN_LISTEN
        }
        assert len(doors) >= 5, "the GCS, two of the raylet, its agent, the actor"
        for port, name in doors.items():
            assert GREETING not in _answer(port, HELLO), name
        assert sum(b" 401 " in _answer(port, ASK_THE_AGENT) for port in doors) == 1


def test_who_stands_in_for_ray_is_not_told_the_token(server: LocalRay) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(60)
        address = f"127.0.0.1:{door.getsockname()[1]}"
        environment = {**os.environ, **server.environment}
        with subprocess.Popen(
            [sys.executable, "-c", JOIN, address], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as driver:
            try:
                line, _ = door.accept()
                with line:
                    assert line.recv(1) == b"\x16", "the first byte of a TLS handshake"
            finally:
                driver.kill()


def _answer(port: int, said: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.settimeout(60)
        line.sendall(said)
        try:
            return line.recv(1 << 16)
        except ConnectionError:
            return b""
