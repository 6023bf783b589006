"""A process that has imported what parts of a stack need, and forks them: the other end of `forks.Forks`.

It does what it is told on one line, one thing after the other, and imports while there is nothing to do. It ends with
that line. Workers of Ray's come to it by the door of the node's fork server, when it was given that one.

The environment of a part, with its secrets, lies in a file that nobody but the part reads: nothing of it is left in the
memory of the server, from which others are forked.

A part is a grandchild, so that the supervisor, which takes in orphans at that moment, becomes its parent: it waits for
the part, and the kernel ends the part with it.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

import setproctitle

from tavola.stack import fork_server

SIZE_BYTES = 4
"""Before each order its size, and all of an answer: the process id of a part."""
ADOPTED_WITHIN_S = 10.0
LOOK_S = 0.0005
_FILES = 5
_STANDARD = 3


def serve() -> None:
    """On the socket whose number is the last argument, until it is closed. In a child it returns when the part, or the
    worker, has done its work."""
    line = socket.socket(fileno=int(sys.argv[-1]))
    door: socket.socket | None = None
    imports = Imports()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # The kernel clears away who has ended.
    while True:
        doors = [door] if door is not None and imports.done else []
        ready = select.select([line, *doors], [], [], None if imports.done else 0)[0]
        if not ready:
            imports.step()
        elif line in ready:
            told = _read(line)
            if told is None:
                os._exit(0)
            order, files = told
            match order["do"]:
                case "import":
                    os.environ.update(order["environment"])
                    imports.add(order["modules"], games=order["games"])
                case "listen":
                    if door is not None:
                        door.close()
                    door = socket.socket(fileno=files[0])
                case "fork":
                    imports.finish()
                    if os.fork() == 0:
                        if door is not None:
                            door.close()
                        _be(order, files, line)
                        return
                    for file in files:
                        os.close(file)
        elif fork_server.admit(doors[0], line.close):
            return


class Imports:
    """The modules that are still to be imported. They are shared by all that are forked, and no collection of theirs
    touches them."""

    def __init__(self) -> None:
        self._left: deque[str] = deque()
        self._games = False

    @property
    def done(self) -> bool:
        return not self._left

    def add(self, modules: Iterable[str], *, games: bool) -> None:
        gc.disable()
        self._left.extend(modules)
        self._games |= games

    def step(self) -> None:
        """Import the next module; after the last one the games."""
        importlib.import_module(self._left[0])
        self._left.popleft()
        if self.done:
            if self._games:
                self._games = False
                fork_server.preload_games()
            gc.freeze()
            gc.enable()

    def finish(self) -> None:
        while not self.done:
            self.step()


def _read(line: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next order, and its files; None when there is nobody any more to give one."""
    head, files, _, _ = socket.recv_fds(line, SIZE_BYTES, _FILES)
    told = b""
    while head and len(told) < int.from_bytes(head, "big"):
        if not (more := line.recv(int.from_bytes(head, "big") - len(told))):
            return None
        told += more
    return (json.loads(told), files) if head else None


def _be(order: dict[str, Any], files: list[int], line: socket.socket) -> None:
    """This process, just forked, is a part of the stack."""
    from tavola.stack.processes import die_with_parent

    if os.fork():
        os._exit(0)
    gc.enable()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    _adopted(order["parent"])
    die_with_parent(order["parent"], order["when_it_dies"])
    with open(files.pop(), "rb") as told:
        environment = json.load(told)
    for number, file in enumerate(files[:_STANDARD]):
        os.dup2(file, number)
        os.close(file)
    os.chdir(order["folder"])
    module, arguments = order["module"], order["arguments"] + [str(file) for file in files[_STANDARD:]]
    if module != __spec__.name:  # Of a worker that is forked from us Ray sets the title, and can once.
        setproctitle.setproctitle(" ".join((sys.executable, "-P", "-m", module, *arguments)))
        setproctitle.setthreadtitle("python")
    _take(environment)
    line.sendall(os.getpid().to_bytes(SIZE_BYTES, "big"))
    line.close()
    fork_server.run(module, arguments)


def _take(environment: dict[str, str]) -> None:
    """From now on this is our environment. A variable that is the same stays where it is: by them the place of our
    title is found."""
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    for name, value in environment.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _adopted(parent: int) -> None:
    """On return `parent` is our parent. Without it there is nothing to do here."""
    deadline = time.monotonic() + ADOPTED_WITHIN_S
    while os.getppid() != parent:
        if time.monotonic() > deadline:
            os._exit(1)
        time.sleep(LOOK_S)


if __name__ == "__main__":
    serve()
