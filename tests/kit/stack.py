"""A whole stack, as `tavola dev` starts it, and the means to break it: its processes, rows, logs and crash points."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from tavola.config.keys import Purpose, Secrets
from tavola.storage.postgres import AWAY
from tavola.storage.sealing import Opener

READY_S = 120.0
"""Two busy cores may take a minute over Ray."""
PATIENCE_S = 40.0
"""How long a test waits for what must happen: only a failure takes so long."""
ADMIN_SECRET = "what operators know, in tests"
FOREIGN = ("DATABASE_URL", "REDIS_", "RAY_", "TAVOLA_")
NO_LIMITS = {
    "TAVOLA_GUESTS_PER_MINUTE": "0",
    "TAVOLA_ROOMS_PER_USER": "0",
    "TAVOLA_ROOMS_OPENED_PER_MINUTE": "0",
}
"""All tests come from one address. A test of the limits sets them."""


class Stack:
    """One `tavola dev` on a data folder, with crash points that can be armed. Made once, it may be started again."""

    program: Sequence[str | Path] = (sys.executable, "-m", "tavola")
    cwd: Path | None = None
    """Where the program is run."""
    port = 0
    """Of its first edge; 0: any."""

    def __init__(self, folder: Path, *, edges: int = 1, **settings: str) -> None:
        self.folder = folder
        self.crash = folder.with_name(f"{folder.name}-crash")
        self.output = folder.with_name(f"{folder.name}.out")
        self._edges = edges
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self.crash.mkdir(parents=True)

    # The stack as a whole

    def start(self) -> None:
        """On return it is ready."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        ports = ["--port", str(self.port), "--edges", str(self._edges)]
        command = [*self.program, "dev", *ports, "--data-dir", str(self.folder)]
        with self.output.open("wb") as out:
            self._process = subprocess.Popen(
                command,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**environment, **NO_LIMITS, "TAVOLA_CRASH_DIR": str(self.crash), **self._settings},
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_S
        while "Tavola is ready" not in self.output.read_text():
            assert self._process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, f"not ready: {self.output.read_text()}"
            time.sleep(0.05)

    def stop(self) -> None:
        """As Ctrl-C does; what that leaves is killed."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(30)
        self.kill_everything()

    def kill_everything(self) -> int:
        """SIGKILL for every process of the stack at once, the databases' too. Returns how many there were."""
        killed = 0
        while processes := self.processes():
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            killed += len(processes)
            psutil.wait_procs(processes, 5)
        if self._process is not None:
            self._process.wait()
        return killed

    def processes(self) -> list[psutil.Process]:
        """Every living process that works below the folder or was told of it, by other means than the product's."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                    continue
                told = Path(f"/proc/{process.pid}/environ").read_bytes()
                told += Path(f"/proc/{process.pid}/cmdline").read_bytes()
                named = any(f"{self.folder}{end}".encode() in told for end in "/\0")
                if named or Path(process.cwd()).is_relative_to(self.folder):
                    found.append(process)
        return found

    @property
    def pid(self) -> int:
        """The supervisor."""
        assert self._process is not None
        return self._process.pid

    # Its own words

    @property
    def described(self) -> dict[str, Any]:
        stack: dict[str, Any] = json.loads((self.folder / "stack.json").read_text())
        return stack

    @property
    def urls(self) -> list[str]:
        urls: list[str] = self.described["urls"]
        return urls

    @property
    def database_url(self) -> str:
        return str(self.described["environment"]["DATABASE_URL"])

    @property
    def redis_url(self) -> str:
        return str(self.described["environment"]["REDIS_URL"])

    @property
    def secret(self) -> str:
        return str(self.described["environment"]["TAVOLA_JWT_SECRET"])

    def opened(self, channel: str, sealed: bytes) -> bytes:
        """The message that one of its processes has published there."""
        return Opener(Secrets(self.secret.encode()).keys(Purpose.REDIS)).open(channel, sealed)

    def pid_of(self, kind: str, index: int = 0) -> int:
        """Of an edge, `postgres`, `redis`, `ray` or the `steward`, as it is now."""
        return int(self.described["pids"][kind][index])

    def said_by_edge(self, number: int) -> str:
        """The log of edge 1, 2, …"""
        return (self.folder / "logs" / f"edge-{number}.log").read_text()

    def said_by(self, pid: int) -> str:
        """The log of one of Ray's workers, an actor say."""
        return self._said_by_workers(f"worker-*-{pid}.*")

    def said_by_workers(self) -> str:
        """The logs of all of Ray's workers."""
        return self._said_by_workers("worker-*")

    def _said_by_workers(self, pattern: str) -> str:
        logs = (self.folder / "ray" / "data").resolve() / "r" / "s" / "logs"
        return "".join(path.read_text() for path in sorted(logs.glob(pattern)))

    def steward(self) -> int:
        """Its pid."""
        return self.pid_of("steward")

    def raylet(self) -> int:
        """Its pid."""
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):  # Others may end just now.
                if process.name() == "raylet":
                    found.append(int(process.pid))
        [pid] = found
        return pid

    # Crash points

    def arm(self, point: str, pid: int) -> None:
        """That actor kills itself when it comes by this point next."""
        for old in self.crash.iterdir():
            old.unlink()
        (self.crash / f"{point}.for.{pid}").touch()

    async def hit(self, point: str) -> int:
        """Wait until the point has been hit and whoever did so has ended; their pid."""
        [found] = await until(lambda: list(self.crash.glob(f"{point}.hit.*")), f"{point} hit")
        pid = int(found.suffix[1:])
        await until(lambda: not lives(pid), f"{pid} has killed itself")
        return pid

    # Rows

    @asynccontextmanager
    async def truth(self) -> AsyncIterator[Truth]:
        """A connection of the test's own to the stack's Postgres."""
        truth = Truth(self.database_url)
        await truth.connect()
        try:
            yield truth
        finally:
            truth.connection.terminate()


class Truth:
    """The stack's own Postgres, as the test reads it."""

    connection: Any

    def __init__(self, url: str) -> None:
        self._url = url

    async def connect(self) -> None:
        """Waits for a server that is there, and connects (again)."""

        async def connected() -> Any:
            try:
                return await asyncpg.connect(self._url, ssl=False)
            except AWAY:
                return None

        self.connection = await until(connected, "a connection to Postgres")

    async def rows(self, statement: str, *arguments: Any) -> list[Any]:
        rows: list[Any] = await self.connection.fetch(statement, *arguments)
        return rows

    async def value(self, statement: str, *arguments: Any) -> Any:
        return await self.connection.fetchval(statement, *arguments)

    async def owner(self, room: str) -> Owner:
        """The room's owner now."""
        [row] = await self.rows(
            "SELECT r.actor, a.pid, g.epoch, g.seq FROM rooms r JOIN game_states g ON g.room_id = r.id"
            " LEFT JOIN room_actors a ON a.name = r.actor WHERE r.id = $1",
            room,
        )
        return Owner(*row)

    async def now(self) -> Any:
        return await self.value("SELECT clock_timestamp()")

    async def started(self, pid: int) -> Any:
        """When an actor had started, by the database's clock."""
        return await self.value("SELECT started_at FROM room_actors WHERE pid = $1", pid)

    async def spares(self) -> list[int]:
        """The pids of the living actors without a room."""
        rows = await self.rows("SELECT pid FROM room_actors WHERE rooms = 0")
        return [row["pid"] for row in rows if lives(row["pid"])]

    async def placed_after(self, room: str, epoch: int) -> Owner:
        """Wait until the room has been placed at a later epoch."""

        async def placed() -> Owner | None:
            owner = await self.owner(room)
            return owner if owner.epoch > epoch and owner.pid else None

        owner: Owner = await until(placed, f"{room} placed after epoch {epoch}")
        return owner

    async def holds_back(self, count: int, having: str = "") -> list[str]:
        """Wait until at least so many statements (with `having` in them) wait for locks that this connection holds."""

        async def waiting() -> list[str]:
            blocked = [statement for statement in await self._blocked() if having in statement]
            return blocked if len(blocked) >= count else []

        statements: list[str] = await until(waiting, f"{count} statements held back")
        return statements

    async def _blocked(self) -> list[str]:
        mine = self.connection.get_server_pid()
        # Within a transaction, who is there is looked up once and remembered.
        await self.connection.execute("SELECT pg_stat_clear_snapshot()")
        found = await self.rows("SELECT query, pid, pg_blocking_pids(pid) AS by FROM pg_stat_activity")
        held = {mine}
        # A process that waits behind one that waits for us waits for us.
        while more := {row["pid"] for row in found if held & set(row["by"])} - held:
            held |= more
        return [row["query"] for row in found if row["pid"] in held - {mine}]


class Owner:
    """A room's actor: its name, its pid (None when it has no row any more), and the room's epoch and seq."""

    def __init__(self, actor: str, pid: int | None, epoch: int, seq: int) -> None:
        self.actor, self._pid, self.epoch, self.seq = actor, pid, epoch, seq

    @property
    def pid(self) -> int:
        return self._pid or 0


async def end_postgres(stack: Stack, sign: signal.Signals) -> None:
    """On return it has ended. With the supervisor stopped, it stays away."""
    postmaster = psutil.Process(stack.pid_of("postgres"))
    backends = postmaster.children()
    postmaster.send_signal(sign)
    await until(lambda: not any(lives(each.pid) for each in (postmaster, *backends)), "Postgres has ended")


async def until(holds: Callable[[], Any], what: str, within_s: float = PATIENCE_S) -> Any:
    """Wait for something true, which `holds` gives now or when awaited, and return it."""
    deadline = time.monotonic() + within_s
    while True:
        found = holds()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        await asyncio.sleep(0.01)


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """These processes stand still (SIGSTOP); in the end they go on, whatever happened."""
    with contextlib.ExitStack() as thawed:
        for pid in pids:
            thawed.callback(thaw, pid)
            freeze(pid)
        yield


def lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def kill(pid: int) -> None:
    """SIGKILL; on return the process has ended."""
    psutil.Process(pid).kill()
    deadline = time.monotonic() + PATIENCE_S
    while lives(pid):
        assert time.monotonic() < deadline, f"{pid} does not end"


def freeze(pid: int) -> None:
    """SIGSTOP; on return the process stands still."""
    process = psutil.Process(pid)
    process.suspend()
    deadline = time.monotonic() + PATIENCE_S
    while process.status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline, f"{pid} does not stop"


def thaw(pid: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).resume()
