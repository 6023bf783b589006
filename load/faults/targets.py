"""The targets of faults: a stack's processes and servers, as they are at the moment."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import psutil

from tavola.load.evidence.truth import Truth
from tavola.load.faults.proxy import Proxy
from tavola.load.measure.processes import read_stack


class Servers(Protocol):
    """Postgres and Redis. `database` and `channel` are the wires before them, if there are any. `secrets` must stand in
    no log."""

    database_url: str
    redis_url: str
    secret: str

    @property
    def database(self) -> Proxy | None: ...

    @property
    def channel(self) -> Proxy | None: ...

    @property
    def secrets(self) -> dict[str, str]: ...

    def pids(self) -> dict[str, list[int]]: ...

    async def restart_postgres(self, away_s: float) -> None: ...

    async def crash_postgres(self, away_s: float) -> None: ...

    async def restart_redis(self, away_s: float) -> None: ...


class Site:
    """The stack on `data_dir`, and the servers that it uses. `drop_clients` cuts a share of the players' connections,
    and says how many those were."""

    def __init__(self, data_dir: Path, servers: Servers, truth: Truth, drop_clients: Callable[[float], int]) -> None:
        self.data_dir = data_dir
        self.servers = servers
        self.truth = truth
        self.drop_clients = drop_clients

    async def actors(self) -> dict[int, dict[str, int]]:
        """Those that beat, live, and own a room: process → room → epoch. One look at the database, since rooms move."""
        actors: dict[int, dict[str, int]] = {}
        for row in await self.truth.rows("owned"):
            if lives(row["pid"]):
                actors.setdefault(row["pid"], {})[row["id"]] = row["epoch"]
        return actors

    def edges(self) -> dict[int, str]:
        """Those that live: process → address."""
        stack = read_stack(self.data_dir)
        pids = stack.pids.get("edges", []) if stack is not None else []
        urls = stack.urls if stack is not None else []
        return {pid: url for pid, url in zip(pids, urls, strict=False) if isinstance(pid, int) and lives(pid)}

    def edge_count(self) -> int:
        stack = read_stack(self.data_dir)
        return len(stack.urls) if stack is not None else 0


def lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def freeze(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)


def thaw(pid: int) -> None:
    if lives(pid):
        os.kill(pid, signal.SIGCONT)
