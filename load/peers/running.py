"""A system's servers: started on fresh data, known by kind for what they cost, ended whatever happens."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import msgspec

from load.peers.cost import Roots, of_ray
from load.peers.install import HERE, ROOT, Cache
from load.peers.server import PeerServer
from load.peers.systems import System
from load.processes import roots_of
from load.stack import own_stack
from storage.embedded_postgres import EmbeddedPostgres
from storage.embedded_redis import EmbeddedRedis
from tavola.server import Server

ROOMS_PER_ACTOR = 500


class Running(msgspec.Struct, frozen=True):
    url: str
    roots: Callable[[], Roots]
    logs: Sequence[Path] = ()
    """What is worth reading when it does not do what it should."""


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one system's data and logs. Others may pass through it, as the database does when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="tavola-peers-"))
    os.chmod(folder, 0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def running(system: System, cache: Cache) -> AsyncIterator[Running]:
    """Starts it; on leaving it has ended. Raises NotStarted, DidNotStart."""
    if system.runs == "ours":
        async with own_stack(1, ROOMS_PER_ACTOR) as (stack, data_dir):
            yield Running(stack.url, lambda: _roots_of_ours(data_dir, stack.url))
        return
    async with AsyncExitStack() as stop:
        folder = stop.enter_context(scratch())
        servers: dict[str, Server] = {}
        env = {"SQL": str(HERE)}
        if system.postgres:
            servers["postgres"] = postgres = EmbeddedPostgres(folder / "postgres")
            env["DATABASE_URL"] = await stop.enter_async_context(postgres)
        if system.redis:
            servers["redis"] = redis = EmbeddedRedis(folder / "redis")
            env["REDIS_URL"] = await stop.enter_async_context(redis)
        servers["server"] = server = _server(system, cache, env, folder / "server.log")
        url = await stop.enter_async_context(server)
        yield Running(url, lambda: _roots(servers), [server.log])


def _server(system: System, cache: Cache, env: dict[str, str], log: Path) -> PeerServer:
    if system.runs == "node":
        program = cache.node / "server" / f"{system.speaks}.js"
        return PeerServer(
            system.name, [cache.node_program, program], {**env, "NODE_ENV": "production"}, cache.node, log
        )
    if system.runs == "python":
        return PeerServer(system.name, [cache.python, "-m", "load.peers.python.server"], env, ROOT, log)
    return PeerServer(system.name, [sys.executable, "-m", "load.floor.echo"], env, ROOT, log)


def _roots_of_ours(data_dir: Path, url: str) -> Roots:
    roots = roots_of(data_dir, [url])
    return {**roots, "ray": [*roots.get("ray", []), *of_ray(data_dir / "ray")]}


def _roots(servers: dict[str, Server]) -> Roots:
    return {kind: [server.process.pid] for kind, server in servers.items() if server.process is not None}
