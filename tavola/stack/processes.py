"""ChildProcess processes that end with us, and the search for those of an earlier run that did not.

A child gets a session of its own, so that Ctrl-C reaches us alone and we choose the order of the stop, and the kernel
sends it a signal when we die. A child's own children do not get that signal, so a start also looks for leftovers. A
process id proves nothing, it may have been given away again; a process is taken for ours by what cannot be chance: it
works in a folder that is only there for our servers (`in_folder`; Ray's processes overwrite their environment), or has
the mark that a stack's processes inherit in their environment (`marked`).
"""

import asyncio
import contextlib
import ctypes
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import IO, Protocol

import psutil

from tavola.config.failures import Failure
from tavola.config.log_file import LOG_BYTES, old

STACK_MARK = "TAVOLA_STACK"
"""The environment variable that names the stack to which a process belongs."""

PYTHON = (sys.executable, "-P")
"""The interpreter for programs of ours. It looks for no module in the folder that it happens to work in: a project may
have a package that is called like one of ours or of the standard library."""
_OPEN_FILES = 65536
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_adopting = 0
_libc = ctypes.CDLL(None, use_errno=True)


class StillRunning(Failure):
    """Processes that even SIGKILL did not end: `pids`."""

    def __init__(self, pids: Sequence[int]) -> None:
        super().__init__(f"cannot end process {', '.join(map(str, pids))}")
        self.pids = pids


class ChildProcess(Protocol):
    """A process of ours, started by `spawn` or forked: `subprocess.Popen` is one."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None: ...

    def wait(self) -> int: ...

    def send_signal(self, sign: int) -> None: ...

    def kill(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Account:
    """The user that a child runs as. Only root may start one as another user."""

    uid: int
    gid: int


def spawn(
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str],
    when_we_die: Signals,
    account: Account | None = None,
    keep_fds: Sequence[int] = (),
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Starts a child that reads nothing and writes to the end of `log`. Call it from the main thread: the kernel
    takes the end of the calling thread for our death."""
    parent = os.getpid()
    with opened_log(log) as out:
        return subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=dict(env),
            cwd=cwd,
            pass_fds=keep_fds,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(parent, int(when_we_die)),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )


def opened_log(log: Path) -> IO[bytes]:
    """To write to its end; a full one is put aside."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.rename(old(log))
    return open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")


def die_with_parent(parent: int, sign: int) -> None:
    """From now on the kernel sends us this signal when `parent` dies, which is our parent."""
    _libc.prctl(_PR_SET_PDEATHSIG, sign)
    if os.getppid() != parent:
        os._exit(1)


@contextlib.contextmanager
def adopts_orphans() -> Iterator[None]:
    """Meanwhile this process becomes the parent of its children's orphans, and not the machine's first process."""
    global _adopting
    _adopting += 1
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        _adopting -= 1
        if not _adopting:
            _libc.prctl(_PR_SET_CHILD_SUBREAPER, 0)


async def end(processes: Iterable[psutil.Process | ChildProcess], *steps: tuple[Signals, float]) -> None:
    """Sends each step's signal to those still alive and waits up to its seconds for them. On return all have ended."""
    alive = [p if isinstance(p, psutil.Process) else psutil.Process(p.pid) for p in processes if not _reaped(p)]
    for sign, seconds in steps:
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(sign)
        deadline = time.monotonic() + seconds
        # Polled: there is no event for the end of a process that is not a child.
        while (alive := [p for p in alive if not _ended(p)]) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        if not alive:
            return
    if alive:
        raise StillRunning([p.pid for p in alive])


def _reaped(process: psutil.Process | ChildProcess) -> bool:
    return not isinstance(process, psutil.Process) and process.poll() is not None


def _ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


async def exit_code(process: ChildProcess) -> int:
    """Waits until a child has ended."""
    if process.poll() is None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        handle = os.pidfd_open(process.pid)
        loop.add_reader(handle, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(handle)
            os.close(handle)
    return process.wait()


def how_ended(code: int) -> str:
    return f"exit code {code}" if code >= 0 else Signals(-code).name


def server_environment() -> dict[str, str]:
    """For a server that takes its settings from us alone: no PGDATA, LANG or LD_PRELOAD of the user's."""
    kept = {name: os.environ[name] for name in ("PATH", STACK_MARK) if name in os.environ}
    return {"LC_ALL": "C", **kept}


def in_folder(programs: Sequence[str], folder: Path) -> list[psutil.Process]:
    """The living processes that work in `folder` and whose names begin with one of `programs`, ourselves left out."""
    place = folder.resolve()
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            known = process.pid != os.getpid() and process.name().startswith(tuple(programs))
            if known and Path(process.cwd()) == place and not _ended(process):
                found.append(process)
    return found


def marked(stack: str) -> list[psutil.Process]:
    """The living processes with the mark of a stack, ourselves left out."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(STACK_MARK) == stack and process.pid != os.getpid() and not _ended(process):
                found.append(process)
    return found


def raise_open_files() -> None:
    """Lets us and our children have as many sockets as the machine allows, within reason."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if most == resource.RLIM_INFINITY else min(most, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def free_port(preferred: int = 0, host: str = "127.0.0.1") -> int:
    """`preferred` if nobody listens there, else any free port. It may be taken before you use it: be ready to retry."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in (preferred, 0):
        with socket.socket(family) as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    raise OSError(f"no free port on {host}")
