"""The common part of the embedded servers: PostgreSQL and Redis from wheels, for a machine that has none.

Each lives in a folder of its own, which holds its data, log, port and password (only we may read them), listens on
127.0.0.1 alone, and comes back on the same port where that is still free. It is our child and ends with us; `start`
first ends what an earlier run left behind in the folder all the same.
"""

from abc import abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar

from tavola.config.settings import kept_secret, write_private
from tavola.stack.processes import end, free_port, in_folder
from tavola.stack.server import Server


class EmbeddedServer(Server):
    """`async with` it for its URL, or `start` and `stop` it."""

    programs: ClassVar[tuple[str, ...]]
    """How the names of its processes begin. They work in `data`, by which leftovers are known."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made at the first start."""
        self.folder = folder.resolve()
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.password_file = self.folder / "password"

    async def start(self) -> str:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.password = kept_secret(self.password_file)
        await self.sweep()
        await self._prepare()
        kept = self.folder / "port"
        url, port = await self._listen(free_port(int(kept.read_text()) if kept.exists() else 0))
        write_private(kept, str(port))
        return url

    async def sweep(self) -> None:
        """Ends what an earlier run left behind. On return nothing works in our folder."""
        await end(in_folder(self.programs, self.data), *self.stop_steps)

    async def __aenter__(self) -> str:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @abstractmethod
    async def _prepare(self) -> None:
        """Makes the data folder if need be. Nothing of an earlier run is alive."""
