"""Parts of a stack, forked from a process that has imported what they need: an edge, the steward or Ray's head is then
there at once, shares its memory with the others, and costs no second of imports."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from signal import Signals
from typing import Any

from tavola.config.code_mark import seen_on_disk
from tavola.config.failures import Failure
from tavola.stack import fork_server
from tavola.stack.part_server import SIZE_BYTES
from tavola.stack.processes import PYTHON, ChildProcess, adopts_orphans, opened_log, spawn

FORKED_WITHIN_S = 60.0
"""Longer than all imports take on a busy machine."""
_SERVER = "tavola.stack.part_server"


class NotForked(Failure):
    """A part could not be forked."""


class Forked:
    """A child that was forked: of `subprocess.Popen` what is asked of a part."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._reap(os.WNOHANG)

    def wait(self) -> int:
        code = self._reap(0)
        assert code is not None
        return code

    def send_signal(self, sign: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sign)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _reap(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


class Forks:
    """A server that forks parts. It is started anew when it has died, or when other code lies on the disk by now."""

    def __init__(
        self,
        modules: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        games: bool = False,
        base: Forks | None = None,
    ) -> None:
        """It imports `modules` in this order, and with `games` those of `TAVOLA_GAMES` too; it is forked from `base`,
        where there is one, and has what that has. `environment` is its own, not that of its parts."""
        self.environment = dict(environment)
        self._modules, self._games = list(modules), games
        self.log = log
        self._base = base
        self._process: ChildProcess | None = None
        self._line: socket.socket | None = None
        self._seen = ""
        self._one = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def begin(self) -> None:
        """Start it, in place of one that runs; what it imports, it imports from now on. Call it from the main thread.
        Raises NotForked."""
        self.end()
        self._seen = seen_on_disk(self.environment)
        line, other = socket.socketpair()
        with other:
            try:
                self._process = await self._server(other.fileno())
            except BaseException:
                line.close()
                raise
        self._line = line
        line.setblocking(False)
        self._tell({"do": "import", "modules": self._modules, "games": self._games, "environment": {}})

    async def begin_once(self) -> None:
        """Start it, if it does not run."""
        async with self._one:
            if self._outdated():
                await self.begin()

    async def load(self, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        """Have it import these too, with these variables more in its environment. It begins if it has not. Raises
        NotForked."""
        async with self._one:
            self.environment |= environment
            if self._outdated():
                await self.begin()
            self._modules = list(dict.fromkeys([*self._modules, *modules]))
            self._tell({"do": "import", "modules": list(modules), "games": False, "environment": dict(environment)})

    async def _server(self, line: int) -> ChildProcess:
        if self._base is not None:
            return await self._base.fork(
                _SERVER, [], log=self.log, env=self.environment, when_we_die=signal.SIGKILL, line=line
            )
        return spawn(
            [*PYTHON, "-m", _SERVER, str(line)],
            log=self.log,
            env={**self.environment, "SPT_NOENV": "1"},  # A title leaves the environment's memory alone.
            when_we_die=signal.SIGKILL,
            keep_fds=[line],
        )

    def end(self) -> None:
        """On return it has ended. Its parts go on."""
        if self._line is not None:
            self._line.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._line = self._process = None

    def listen(self, path: str) -> None:
        """From now on Ray's workers reach it there, as the node's fork server. It has begun. Raises NotForked."""
        with fork_server.opened(path, self._seen) as door:
            self._tell({"do": "listen"}, [door.fileno()])

    async def fork(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str],
        when_we_die: Signals,
        line: int | None = None,
    ) -> Forked:
        """A child that runs `module` as a program when everything is imported, reads nothing, and writes to the end of
        `log`. With the file `line` it has that too; its last argument is the number. Raises NotForked."""
        order = {
            "do": "fork",
            "module": module,
            "arguments": list(arguments),
            "folder": str(Path.cwd()),
            "parent": os.getpid(),
            "when_it_dies": int(when_we_die),
        }
        async with self._one:
            for again in (True, False):
                if self._outdated():
                    await self.begin()
                with self._files(log, env, line) as files, adopts_orphans():
                    try:
                        self._tell(order, files)
                        async with asyncio.timeout(FORKED_WITHIN_S):
                            return Forked(await self._answer())
                    except (NotForked, OSError, TimeoutError) as error:
                        self.end()
                        if not again or isinstance(error, TimeoutError):
                            raise NotForked(f"{module} could not be forked, see {self.log}: {error!r}") from error
                    except BaseException:
                        self.end()  # It may still answer, and the next one would take that for its own.
                        raise
            raise AssertionError

    def _outdated(self) -> bool:
        return self._process is None or self._process.poll() is not None or self._seen != seen_on_disk(self.environment)

    def _tell(self, order: Mapping[str, Any], files: Sequence[int] = ()) -> None:
        """Raises NotForked where nobody is told any more."""
        assert self._line is not None
        told = json.dumps(order).encode()
        try:
            socket.send_fds(self._line, [len(told).to_bytes(SIZE_BYTES, "big")], files)
            self._line.setblocking(True)  # It may import, and read later: a socket holds more than there is to say.
            self._line.sendall(told)
            self._line.setblocking(False)
        except OSError as error:
            raise NotForked(f"the fork server has ended, see {self.log}: {error!r}") from error

    async def _answer(self) -> int:
        assert self._line is not None
        told = await asyncio.get_running_loop().sock_recv(self._line, SIZE_BYTES)
        if len(told) != SIZE_BYTES:
            raise ConnectionResetError("it ended")
        return int.from_bytes(told, "big")

    @staticmethod
    @contextmanager
    def _files(log: Path, env: Mapping[str, str], line: int | None) -> Iterator[list[int]]:
        """Those of a part: its standard ones, the line if it has one, and last the file with its environment."""
        with contextlib.ExitStack() as opened:
            nothing = os.open(os.devnull, os.O_RDONLY)
            opened.callback(os.close, nothing)
            out = opened.enter_context(opened_log(log)).fileno()
            told = opened.enter_context(os.fdopen(os.memfd_create("environment"), "wb"))
            told.write(json.dumps(dict(env)).encode())
            told.flush()
            told.seek(0)
            yield [nothing, out, out, *([line] if line is not None else []), told.fileno()]
