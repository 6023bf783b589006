"""Poolers without Ray: a private folder, a process that stands for the raylet, and the actors' end."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import psutil

from tavola.storage.pooler.client import PoolerDatabase
from tavola.storage.pooler.door import Door


class PoolerNode:
    """A node with a pooler for one database, as soon as somebody wants one."""

    def __init__(self, folder: str, url: str, raylet: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self.raylet = raylet
        self.door = Door(folder, url, raylet.pid)

    def poolers(self) -> list[psutil.Process]:
        """Those that run here, frozen ones too."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if self.door.path in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    @asynccontextmanager
    async def actor(self) -> AsyncIterator[PoolerDatabase]:
        """The database as an actor of this node has it."""
        database = PoolerDatabase(self.door)
        try:
            yield database
        finally:
            await database.close()


@contextlib.contextmanager
def pooler_node(url: str) -> Iterator[PoolerNode]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, subprocess.Popen(["sleep", "600"]) as raylet:
        node = PoolerNode(folder, url, raylet)
        try:
            yield node
        finally:
            raylet.kill()
            raylet.wait()
            _, left = psutil.wait_procs(node.poolers(), 20)
            for process in left:
                process.kill()
