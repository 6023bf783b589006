"""Ray's workers, forked from a process that has imported everything already.

A worker of Ray's is a Python that imports Ray, and then us: more than a second of processor, and memory that it shares
with nobody. So the raylet starts this file in place of Ray's own script. It hands its arguments, environment and files
to the node's fork server, which forks; the child is the worker, and shares what was imported for as long as nobody
writes to it. The first worker starts the server, which ends with the raylet; nothing is lost with it, for the next
worker starts another one. Where none answers, this process becomes the worker itself, as Ray meant it.

It runs as a script in each worker, so at the top of it stands only what costs nothing. Python puts a script's folder
first on `sys.path`, before the standard library, and ours has modules of all kinds of names: it is removed before
anything is imported.
"""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]

import os
import socket

ANSWER_WITHIN_S = 20.0
"""Longer than the server takes to import everything on a busy machine."""
ASKED_WITHIN_S = 1.0
"""Who has come to the server and says nothing holds up the others for so long."""
BACKLOG = 512
"""Workers that may wait for the server; one more becomes a worker by itself."""
PRELOADED = (
    "actors.cluster",
    "anyio.to_thread",
    "ray._common.pydantic_compat",
    "ray._common.usage.usage_lib",
    "ray._private.arrow_serialization",
    "ray._private.workers.default_worker",
    "starlette.datastructures",
)
"""What a worker with one of our actors has imported. No module of these may start a thread: it would not be there
after a fork."""
_WORKER = "ray._private.workers.default_worker"
_STORE = "--object-store-name="


def main(arguments: list[str]) -> None:
    """Have the worker forked, or be it."""
    store = next(each for each in arguments if each.startswith(_STORE)).removeprefix(_STORE)
    if not _have_forked(f"{os.path.dirname(store)}/forks", arguments):
        _work(arguments)


def _have_forked(path: str, arguments: list[str]) -> bool:
    import marshal

    request = marshal.dumps((arguments, dict(os.environ), os.getcwd()))
    try:
        with _reach(path) as line:
            socket.send_fds(line, [len(request).to_bytes(4, "big")], [0, 1, 2])
            line.sendall(request)
            return bool(line.recv(1))
    except OSError as error:
        print(f"no fork server: {type(error).__name__}: {error}", file=sys.stderr)
        return False


def _reach(path: str) -> socket.socket:
    """A line to the server at `path`. It is started if there is none; whoever comes meanwhile waits at its door."""
    import fcntl

    line = socket.socket(socket.AF_UNIX)
    line.settimeout(ANSWER_WITHIN_S)
    with open(f"{path}.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            line.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            _start(path)
            line.connect(path)
    return line


def _start(path: str) -> None:
    import subprocess

    if os.path.exists(path):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen(BACKLOG)
        command = [sys.executable, "-P", "-c", "from tavola import fork_server as s; s.serve()", str(door.fileno())]
        # A session of its own: Ray ends a worker together with its group.
        subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[door.fileno()], start_new_session=True)


def serve() -> None:
    """The server: import everything, fork whenever asked, end with the raylet. In a child it returns when the worker
    has done its work."""
    import select
    import signal

    door = socket.socket(fileno=int(sys.argv[1]))
    raylet = os.pidfd_open(int(os.environ["RAY_RAYLET_PID"]))
    preload()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # The kernel clears away who has ended.
    while select.select([door.fileno(), raylet], [], [])[0] == [door.fileno()]:
        line, _ = door.accept()
        with line:
            request = _read(line)
        if request is None:
            continue
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(raylet)
            door.close()
            _become(*request)
            return
        for file in request[-1]:
            os.close(file)


def preload() -> None:
    """Import what workers need. It is shared by all of them, and no collection of theirs touches it."""
    import gc
    import importlib

    gc.disable()
    for module in PRELOADED:
        importlib.import_module(module)
    gc.freeze()
    gc.enable()


def _read(line: socket.socket) -> tuple[list[str], dict[str, str], str, list[int]] | None:
    """The arguments, environment, folder and files of a worker that is to be; None when whoever asked has gone."""
    import marshal

    line.settimeout(ASKED_WITHIN_S)
    files: list[int] = []
    try:
        size, files, _, _ = socket.recv_fds(line, 4, 3)
        with line.makefile("rb") as stream:
            arguments, environment, folder = marshal.loads(stream.read(int.from_bytes(size, "big")))
        line.sendall(b"1")
    except (OSError, EOFError):
        for file in files:
            os.close(file)
        return None
    return arguments, environment, folder, files


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
    import runpy

    sys.argv = [_WORKER, *arguments]
    runpy.run_module(_WORKER, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
