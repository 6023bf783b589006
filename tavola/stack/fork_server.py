"""Ray's workers, forked from a process that has imported everything already.

A worker of Ray's is a Python that imports Ray, and then us: more than a second of processor, and memory that it shares
with nobody. So the raylet starts this file in place of Ray's own script. It hands its arguments, environment and files
to the node's fork server, which forks; the child is the worker, and shares what was imported for as long as nobody
writes to it. The first worker starts the server, which ends with the raylet; nothing is lost with it, for the next
worker starts another one, as does the first that finds other code on the disk. Where none answers, this process becomes
the worker itself, as Ray meant it.

The process that holds the server's socket is handed what is in a worker's environment, and any process that reaches it
has a program run as us. So the socket lies in a folder that only we may enter, and each end asks the kernel who the
other one is.

It runs as a script in each worker, so at the top of it stands only what costs nothing. Python puts a script's folder
first on `sys.path`, before the standard library, and ours has modules of all kinds of names: it is removed before
anything is imported.
"""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]

import os
import socket
from collections.abc import Callable

from tavola.config.private import NODE_FOLDER, demand_us, is_private

ANSWER_WITHIN_S = 20.0
"""Longer than the server takes to import everything on a busy machine."""
REPLACED_LOOK_S = 60.0
ASKED_WITHIN_S = 1.0
"""A client that has come to the server and says nothing holds up the others for so long."""
BACKLOG = 512
"""Workers that may wait for the server; one more becomes a worker by itself."""
OF_NO_JOB = {"RAY_JOB_ID": "ffffffff"}
"""For the environment in which Ray's library is loaded: workers of a steward's job are ended when that steward is."""
PRELOADED = (
    "tavola.actors.cluster.room_process",
    "tavola.actors.cluster.room_actor",
    "anyio.to_thread",
    "ray._common.pydantic_compat",
    "ray._common.usage.usage_lib",
    "ray._private.arrow_serialization",
    "ray._private.workers.default_worker",
    "starlette.datastructures",
)
"""The modules that a worker with one of our actors has imported. No module of these may start a thread: it would not
be there after a fork."""
_WORKER = "ray._private.workers.default_worker"
_LONGEST_REQUEST = 8 << 20
"""More than the kernel lets a process have of arguments and environment."""


def main(arguments: list[str]) -> None:
    """Have the worker forked, or be it."""
    if not _have_forked(os.environ.get(NODE_FOLDER, ""), arguments):
        _work(arguments)


def _have_forked(folder: str, arguments: list[str]) -> bool:
    import json

    request = json.dumps((arguments, dict(os.environ), os.getcwd())).encode()
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(ANSWER_WITHIN_S)
            _reach(line, folder)
            socket.send_fds(line, [len(request).to_bytes(4, "big")], [0, 1, 2])
            line.sendall(request)
            return bool(line.recv(1))
    except OSError as error:
        print(f"no fork server: {type(error).__name__}: {error}", file=sys.stderr)
        return False


def _reach(line: socket.socket, folder: str) -> None:
    """Connects to the folder's server. It is started if there is none, or none that has imported what there is on the
    disk; workers that come meanwhile wait at its door."""
    import fcntl

    from tavola.config.code_mark import seen_on_disk

    if not is_private(folder):
        raise PermissionError(f"others may enter {folder}")
    path = f"{folder}/forks"
    with open(os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        seen = seen_on_disk()
        if _imported(path) not in (None, seen):
            os.unlink(path)
        try:
            line.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            _start(path, seen)
            line.connect(path)
    demand_us(line)


def _imported(path: str) -> str | None:
    """The code of the server that was started last, if there is one."""
    try:
        with open(os.open(f"{path}.code", os.O_RDONLY | os.O_NOFOLLOW)) as told:
            return told.read() if os.path.lexists(path) else None
    except FileNotFoundError:
        return None


def _start(path: str, seen: str = "") -> None:
    import subprocess

    with opened(path, seen) as door:
        command = [
            sys.executable,
            "-P",
            "-c",
            "from tavola.stack import fork_server as s; s.serve()",
            str(door.fileno()),
            path,
        ]
        # A session of its own: Ray ends a worker together with its group.
        environment = {**os.environ, **OF_NO_JOB}
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, pass_fds=[door.fileno()], start_new_session=True, env=environment
        )


def opened(path: str, seen: str) -> socket.socket:
    """The door of a server that has imported the code `seen`, in place of one that may be there."""
    if os.path.lexists(path):
        os.unlink(path)
    door = socket.socket(socket.AF_UNIX)
    door.bind(path)
    door.listen(BACKLOG)
    with open(os.open(f"{path}.code", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as told:
        told.write(seen)
    return door


def serve() -> None:
    """The server: import everything, fork whenever asked, end with the raylet, or when another has taken its place. In
    a child it returns when the worker has done its work."""
    import select
    import signal

    door = socket.socket(fileno=int(sys.argv[1]))
    raylet = os.pidfd_open(int(os.environ["RAY_RAYLET_PID"]))
    path = sys.argv[2]
    ours = os.stat(path).st_ino
    preload()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # The kernel clears away who has ended.
    while (ready := select.select([door.fileno(), raylet], [], [], REPLACED_LOOK_S)[0]) in ([], [door.fileno()]):
        if not ready:
            if _is_file(path, ours):
                continue
            os._exit(0)
        if admit(door, lambda: os.close(raylet)):
            return


def admit(door: socket.socket, close: Callable[[], None]) -> bool:
    """Fork a worker for whoever comes next. True in the child, when the worker has done its work; `close` closes there
    what is the server's, beside `door`."""
    import signal

    line, _ = door.accept()
    with line:
        request = _read(line)
    if request is None:
        return False
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        close()
        door.close()
        _become(*request)
        return True
    for file in request[-1]:
        os.close(file)
    return False


def _is_file(path: str, number: int) -> bool:
    """Whether the socket at `path` is the one with this inode."""
    try:
        return os.stat(path).st_ino == number
    except FileNotFoundError:
        return False


def preload() -> None:
    """Import what workers need. It is shared by all of them, and no collection of theirs touches it."""
    import gc
    import importlib

    gc.disable()
    for module in PRELOADED:
        importlib.import_module(module)
    if os.environ.get("TAVOLA_TRACES"):
        importlib.import_module("tavola.config.spans")
    preload_games()
    gc.freeze()
    gc.enable()


def preload_games() -> None:
    """The games too, if they are not saved while they are played. One that cannot be loaded, or that starts a thread,
    is told of in the raylet's log: an actor tries again, and says what is wrong to whoever started it."""
    if "TAVOLA_GAMES_RELOAD" in os.environ:
        return
    import threading
    from pathlib import Path

    from tavola.config.settings import listed
    from tavola.games.registry.discovery import GameNotLoaded, install

    try:
        install(listed(os.environ.get("TAVOLA_GAMES", "")), Path(os.environ.get("TAVOLA_GAMES_PATH", ".")).resolve())
    except GameNotLoaded as error:
        print(error, file=sys.stderr)
    if threading.active_count() > 1:
        names = ", ".join(thread.name for thread in threading.enumerate()[1:])
        print(f"a game starts threads when it is imported, which no room will have: {names}", file=sys.stderr)


def _read(line: socket.socket) -> tuple[list[str], dict[str, str], str, list[int]] | None:
    """The arguments, environment, folder and files of a worker that is to be; None when whoever asked has gone, or is
    not one of ours, or asked in another way."""
    line.settimeout(ASKED_WITHIN_S)
    files: list[int] = []
    try:
        demand_us(line)
        head, files, _, _ = socket.recv_fds(line, 4, 3)
        size = int.from_bytes(head, "big")
        with line.makefile("rb") as stream:
            told = stream.read(min(size, _LONGEST_REQUEST))
        if len(told) != size or len(files) != 3:
            raise ValueError("not all that a worker sends")
        arguments, environment, folder = _parsed(told)
        line.sendall(b"1")
    except (OSError, ValueError) as error:
        print(f"not forked: {type(error).__name__}: {error}", file=sys.stderr)
        for file in files:
            os.close(file)
        return None
    return arguments, environment, folder, files


def _parsed(told: bytes) -> tuple[list[str], dict[str, str], str]:
    """Raises ValueError for all that `_have_forked` does not send."""
    import json

    try:
        match json.loads(told):
            case [list() as arguments, dict() as environment, str() as folder] if all(
                isinstance(part, str) for part in (*arguments, *environment.values())
            ):
                return arguments, environment, folder
    except RecursionError:
        pass
    raise ValueError("not what a worker asks")


def _become(arguments: list[str], environment: dict[str, str], folder: str, files: list[int]) -> None:
    """This process, just forked, is what the raylet started."""
    os.setpgid(0, 0)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    _work(arguments)


def _work(arguments: list[str]) -> None:
    run(_WORKER, arguments)


def run(module: str, arguments: list[str]) -> None:
    """`module` as a program, in this process."""
    import runpy

    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
