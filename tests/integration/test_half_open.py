"""A host that is gone without a goodbye, in a network of its own that is cut: the other end notices, on both sides."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import count

import pytest

from tavola.edge.ws.websocket import notice_the_gone

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="only root can cut a link, with `ip`"),
    pytest.mark.timeout(120),
]
HERE, THERE = "10.213.77.1", "10.213.77.2"
CLIENT = f"""
import socket, time
connection = socket.create_connection(("{HERE}", int(__import__("sys").argv[1])))
connection.sendall(b"here")
time.sleep(600)
"""
_numbers = count(1)


@pytest.fixture
def namespace() -> Iterator[str]:
    """A host with a cable to this one."""
    name = f"tavola{os.getpid()}-{next(_numbers)}"
    link = f"tv{os.getpid() % 100_000}"
    _ip("netns", "add", name)
    try:
        _ip("link", "add", link, "type", "veth", "peer", "name", "host", "netns", name)
        _ip("addr", "add", f"{HERE}/30", "dev", link)
        _ip("link", "set", link, "up")
        _ip("-n", name, "addr", "add", f"{THERE}/30", "dev", "host")
        _ip("-n", name, "link", "set", "host", "up")
        yield name
    finally:
        _ip("netns", "del", name)


class Server(asyncio.Protocol):
    """The server's end of one connection."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        notice_the_gone(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        self.came.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set_result(error)


@pytest.mark.parametrize(
    "talks",
    [
        pytest.param(True, id="while it is told something"),
        pytest.param(False, id="while nothing is said", marks=pytest.mark.long),
    ],
)
async def test_the_edge_notices_a_client_that_is_gone(namespace: str, talks: bool) -> None:
    server = Server()
    listening = await asyncio.get_running_loop().create_server(lambda: server, HERE, 0)
    port = listening.sockets[0].getsockname()[1]
    command = ["ip", "netns", "exec", namespace, sys.executable, "-c", CLIENT, str(port)]
    client = subprocess.Popen(command)  # noqa: ASYNC220 (it is there at once)
    try:
        await server.came.wait()
        assert not server.lost.done()
        _ip("-n", namespace, "route", "add", "blackhole", f"{HERE}/32")  # Its packets are lost on the way.
        if talks:
            server.transport.write(b"your turn")
        # Without the options it would be a quarter of an hour, or two hours.
        error = await asyncio.wait_for(server.lost, 60)
        assert isinstance(error, OSError), "the kernel has ended it"
        assert client.poll() is None, "the client itself was not told"
    finally:
        client.kill()
        client.wait()
        listening.close()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
