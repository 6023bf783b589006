"""A peer's server, as a child: started until it listens, stopped with us."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, SIGTERM

from tavola.stack.processes import ChildProcess, free_port, server_environment, spawn
from tavola.stack.server import Server


class PeerServer(Server):
    """`async with` it for its URL. It is told its port as PORT, and listens when it is ready."""

    stop_steps = ((SIGTERM, 2.0), (SIGKILL, 1.0))

    def __init__(self, name: str, argv: Sequence[str | Path], env: Mapping[str, str], cwd: Path, log: Path) -> None:
        self.name = name
        self.log = log
        self._argv, self._env, self._cwd = argv, env, cwd

    async def start(self) -> str:
        url, _ = await self._listen(free_port())
        return url

    async def __aenter__(self) -> str:
        return await self.start()

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    async def _spawn(self, port: int) -> ChildProcess:
        env = {**server_environment(), **self._env, "PORT": str(port)}
        return spawn(self._argv, log=self.log, env=env, cwd=self._cwd, when_we_die=SIGKILL)

    async def _answers(self, process: ChildProcess, port: int) -> str | None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return None
        writer.close()
        return f"http://127.0.0.1:{port}"
