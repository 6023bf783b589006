"""Where a node's pooler is reached. The first actor that finds none there starts one, as with the fork server.

Its socket lies in the node's own folder, which only we may enter, and each end asks the kernel who the other one is:
whoever reached it could write to the database as us. Its name tells the database and the version of what is said.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
from contextlib import suppress
from hashlib import sha256

from tavola.config.private import NODE_FOLDER, demand_us, is_private
from tavola.storage.postgres import QUERIES
from tavola.storage.rows import LogRow, Records, StateRow

RAYLET = "RAY_RAYLET_PID"
"""The environment variable by which Ray tells its workers with whom they end."""
BACKLOG = 4096
CONNECT_WITHIN_S = 1.0
# Ray kills the children of a worker that it ends, so the pooler is none for long.
_PROGRAM = "import os\nif not os.fork():\n from tavola.storage.pooler.server import main\n main()"


class Door:
    """The way to the pooler of a node for the database at `url`, and the start of one that ends with the process
    `outlived`."""

    def __init__(self, folder: str, url: str, outlived: int) -> None:
        speaks = [*(query.source for query in QUERIES.values()), StateRow, LogRow, Records]
        words = "\n".join(map(_said, [url, *speaks]))
        self.path = f"{folder}/pool-{sha256(words.encode()).hexdigest()[:12]}"
        self._folder = folder
        self._url = url
        self._outlived = outlived

    @classmethod
    def of_this_node(cls, url: str) -> Door | None:
        """For one of Ray's workers. None where the node was not started by us, and has no folder for it."""
        folder, raylet = os.environ.get(NODE_FOLDER), os.environ.get(RAYLET)
        return cls(folder, url, int(raylet)) if folder and raylet else None

    def reach(self, stale: int | None) -> tuple[socket.socket, int] | None:
        """A connected socket, and which one it leads to. If that is `stale`, which does not answer any more, another
        pooler takes its place. None: somebody is just starting one. Raises OSError."""
        if not is_private(self._folder):
            raise PermissionError(f"others may enter {self._folder}")
        with open(os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            line = self._connected() if stale is None or self._which() != stale else None
            if line is None:
                self._start()
                line = self._connected()
            return None if line is None else (line, self._which())

    def _which(self) -> int:
        try:
            return os.lstat(self.path).st_ctime_ns
        except FileNotFoundError:
            return 0

    def _connected(self) -> socket.socket | None:
        line = socket.socket(socket.AF_UNIX)
        try:
            line.settimeout(CONNECT_WITHIN_S)
            line.connect(self.path)
            demand_us(line)
        except (FileNotFoundError, ConnectionRefusedError):
            line.close()
            return None
        except BaseException:
            line.close()
            raise
        line.setblocking(False)
        return line

    def _start(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self.path)
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(self.path)
            door.listen(BACKLOG)
            log = self._log()
            try:
                starter = subprocess.Popen(
                    [sys.executable, "-P", "-c", _PROGRAM, str(door.fileno()), str(self._outlived), self.path],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    pass_fds=[door.fileno()],
                    start_new_session=True,
                    text=True,
                )
            finally:
                os.close(log)
        starter.communicate(self._url)

    def _log(self) -> int:
        """A log of its own, for each has one writer: beside those of the node's actors. Where none can be made, for the
        disk is full, its log is lost."""
        beside = os.path.dirname(os.readlink("/proc/self/fd/1"))
        folder = beside if beside.startswith(f"{os.path.realpath(self._folder)}/") else self._folder
        with suppress(OSError):
            path = f"{folder}/worker-{os.path.basename(self.path)}.out"
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        return os.open(os.devnull, os.O_WRONLY)


def _said(part: object) -> str:
    return part if isinstance(part, str) else repr(getattr(part, "__struct_fields__", ""))
