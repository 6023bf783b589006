"""A system's servers: started on fresh data, known by kind for what they cost, ended whatever happens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from tavola.load.bench.base.cost import Roots, of_ray
from tavola.load.bench.base.install import PEERS, ROOT, Cache
from tavola.load.bench.base.program import migrate, scratch
from tavola.load.bench.base.server import PeerServer
from tavola.load.bench.peers.systems import System
from tavola.load.measure.processes import roots_of
from tavola.load.run.stack import own_stack
from tavola.stack.embedded_postgres import EmbeddedPostgres
from tavola.stack.embedded_redis import EmbeddedRedis
from tavola.stack.processes import PYTHON
from tavola.stack.server import Server

ROOMS_PER_ACTOR = 500


class Running(msgspec.Struct, frozen=True):
    url: str
    roots: Callable[[], Roots]
    logs: Sequence[Path] = ()
    """The logs that are worth reading when it does not do what it should."""


@asynccontextmanager
async def running(system: System, cache: Cache) -> AsyncIterator[Running]:
    """Starts it; on leaving it has ended. Raises NotStarted, DidNotStart."""
    if system.runs == "ours":
        async with own_stack(1, ROOMS_PER_ACTOR, checkout=system.checkout) as (stack, data_dir):
            yield Running(stack.url, lambda: _roots_of_ours(data_dir, stack.url))
        return
    async with AsyncExitStack() as stop:
        folder = stop.enter_context(scratch())
        servers: dict[str, Server] = {}
        env = {"SQL": str(PEERS)}
        if system.postgres:
            servers["postgres"] = postgres = EmbeddedPostgres(folder / "postgres")
            env["DATABASE_URL"] = await stop.enter_async_context(postgres)
        if system.gathers:
            env["GATHERED"] = "yes"
        if system.redis:
            servers["redis"] = redis = EmbeddedRedis(folder / "redis")
            env["REDIS_URL"] = await stop.enter_async_context(redis)
        if system.runs == "layout":
            await migrate(env["DATABASE_URL"], folder)
            servers["actors"] = actor = _floor("layout_actor", env, folder)
            env["ACTOR_PORT"] = str(urlsplit(await stop.enter_async_context(actor)).port)
            servers["edges"] = edge = _floor("layout_edge", env, folder)
            url = await stop.enter_async_context(edge)
            yield Running(url, lambda: _roots(servers), [edge.log, actor.log])
            return
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
        return PeerServer(system.name, [cache.python, "-m", "tavola.load.bench.peers.python.server"], env, ROOT, log)
    return _floor("echo", env, log.parent)


def _floor(program: str, env: dict[str, str], folder: Path) -> PeerServer:
    argv = [*PYTHON, "-m", f"tavola.load.bench.floor.{program}"]
    return PeerServer(program, argv, dict(env), ROOT, folder / f"{program}.log")


def _roots_of_ours(data_dir: Path, url: str) -> Roots:
    roots = roots_of(data_dir, [url])
    return {**roots, "ray": [*roots.get("ray", []), *of_ray(data_dir / "ray")]}


def _roots(servers: dict[str, Server]) -> Roots:
    return {kind: [server.process.pid] for kind, server in servers.items() if server.process is not None}
