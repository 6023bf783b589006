"""A Ray of our own on this machine: a head for one stack, on 127.0.0.1, with a token and TLS, stopped without residue.

`ray start` and `ray.init` cannot be had like this: they take the machine's outward address where they are told
127.0.0.1, start a dashboard server, an autoscaler and a log monitor that nobody here asks, and can only be stopped
together with every other Ray of the user's. So a process of our own (`python -m tavola.stack.local_ray`) is the head:
it builds Ray's `Node` itself, which is private to Ray: constraints.txt names the release for which this was written.
"""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tavola.config.private import NODE_FOLDER
from tavola.config.settings import without_secrets, write_private
from tavola.stack import fork_server
from tavola.stack.embedded import EmbeddedServer
from tavola.stack.forks import Forks
from tavola.stack.processes import PYTHON, ChildProcess, spawn

_OBJECT_STORE_BYTES = 75 << 20
"""The least that Ray takes. Nothing of ours travels through it."""
_ADDRESS = "127.0.0.1"
HEAD = "tavola.stack.local_ray"
IN_RAY = (*fork_server.PRELOADED, "tavola.actors.cluster.steward_process")
"""The modules of room actors and the steward."""
_SOCKET_PATH = 107
_RAYS_OWN = "r"
"""In `data`. Ray opens its folder to everybody on the machine, so it lies in one that only we may enter."""
_LONGEST_SOCKET = f"/{_RAYS_OWN}/s/sockets/plasma_store.0"


class LocalRay(EmbeddedServer):
    """`start` gives the head's address (`RAY_ADDRESS`). A process that joins needs `environment` before it imports
    Ray."""

    name = "Ray"
    programs = ("python", "gcs_server", "raylet", "ray::")
    stop_steps = ((signal.SIGTERM, 2.0), (signal.SIGKILL, 1.0))

    heads: Forks | None = None
    """Where there is one, it forks the head, and ends: it may have begun before it was known where."""
    forks: Forks | None = None
    """Where there is one, it is the node's fork server, and loads Ray as soon as there is a raylet."""

    def __init__(self, folder: Path, preloaded: Mapping[str, str] | None = None) -> None:
        """`preloaded` is what the fork server reads of the environment, to import the games before it forks."""
        super().__init__(folder)
        self._preloaded = preloaded or {}
        self._ready, self._raylet = self.folder / "address", self.folder / "raylet"
        self._certificate, self._key = self.folder / "certificate.pem", self.folder / "key.pem"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.password_file),
            "RAY_USE_TLS": "1",
            "RAY_TLS_SERVER_CERT": str(self._certificate),
            "RAY_TLS_SERVER_KEY": str(self._key),
            "RAY_TLS_CA_CERT": str(self._certificate),
            # Despite its name: whether an address of 127.0.0.1 is replaced by the machine's outward one.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",
            "RAY_task_events_report_interval_ms": "0",
            "RAY_enable_metrics_collection": "0",
            "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        }

    def told(self) -> Iterable[Path]:
        """The logs to which Ray's parts, and what runs in its workers, write errors."""
        logs = self.data / _RAYS_OWN / "s" / "logs"
        return (logs / "gcs_server.err", logs / "raylet.err", *sorted(logs.glob("worker-*.err")))

    async def stop(self) -> None:
        """Its logs stay until the next start."""
        await super().stop()
        await self.sweep()
        if self.data.is_symlink():
            elsewhere = self.data.readlink()
            self.data.unlink()
            with contextlib.suppress(FileNotFoundError):
                shutil.copytree(elsewhere / _RAYS_OWN / "s" / "logs", self.data / _RAYS_OWN / "s" / "logs")
            shutil.rmtree(elsewhere, ignore_errors=True)

    def _logs(self) -> Iterable[Path]:
        return (self.log, *self.told())

    async def _prepare(self) -> None:
        """Ray's sockets and logs are in `data`, and the fork server's socket. The path of a socket has a limit, so a
        `data` that lies too deep is a link to a private folder elsewhere."""
        self._ready.unlink(missing_ok=True)
        self._raylet.unlink(missing_ok=True)
        from tavola.stack.certificate import write_certificate  # By then everything else has begun.

        write_certificate(self._certificate, self._key, _ADDRESS)
        if self.data.is_symlink():
            shutil.rmtree(self.data.readlink(), ignore_errors=True)
            self.data.unlink()
        elif self.data.exists():
            shutil.rmtree(self.data)
        if len(f"{self.data}{_LONGEST_SOCKET}") <= _SOCKET_PATH:
            self.data.mkdir(mode=0o700)
        else:
            self.data.symlink_to(private_folder(tempfile.gettempdir(), _LONGEST_SOCKET))

    async def _spawn(self, port: int) -> ChildProcess:
        arguments = [str(self._ready), str(self._raylet), str(self.data.resolve() / _RAYS_OWN), str(port)]
        environment = {
            **without_secrets(os.environ),
            **self._preloaded,
            **self.environment,
            NODE_FOLDER: str(self.data.resolve()),
        }
        if self.heads is None:
            return spawn([*PYTHON, "-m", HEAD, *arguments], log=self.log, env=environment, when_we_die=signal.SIGTERM)
        head = await self.heads.fork(HEAD, arguments, log=self.log, env=environment, when_we_die=signal.SIGTERM)
        self.heads.end()
        return head

    async def _answers(self, process: ChildProcess, port: int) -> str | None:
        if self.forks is not None and self._raylet.exists():
            # Its library reads these when it is loaded, and a worker ends without them.
            ids = {"RAY_RAYLET_PID": self._raylet.read_text(), **fork_server.OF_NO_JOB}
            self._raylet.unlink()
            if self.forks.environment.keys() & ids.keys():
                self.forks.end()  # It has loaded that for the raylet before.
            await self.forks.load(IN_RAY, ids)
            self.forks.listen(f"{self.data.resolve()}/forks")
        return self._ready.read_text() if self._ready.exists() else None


def private_folder(place: str, longest_socket: str) -> str:
    """A fresh folder that only we may enter, in `place`, or in /tmp if sockets' paths would be too long there."""
    if len(f"{place}/tavola-abcdefgh{longest_socket}") > _SOCKET_PATH:
        place = "/tmp"
    return tempfile.mkdtemp(prefix="tavola-", dir=place)


def main(ready: Path, raylet: Path, session: Path, port: int) -> None:
    """The head's own process: starts Ray, writes its address to `ready`, and before that the process id of its raylet
    to `raylet`; ends with the first of Ray's processes that
    ends, or on SIGTERM. The kernel ends Ray's processes if we die otherwise."""
    from ray._private.node import Node
    from ray._private.parameter import RayParams

    class Head(Node):
        def start_api_server(self, **_: object) -> None:
            """Left out."""

        def start_raylet(self, *given: Any, **named: Any) -> None:
            super().start_raylet(*given, **named)
            (process,) = self.all_processes["raylet"]
            write_private(raylet, str(process.process.pid))

    os.chdir(session.parent)  # By which an earlier run's processes are known.
    wake = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
    node: Any = Head(
        RayParams(
            session_name="s",
            temp_dir=str(session),
            node_ip_address=_ADDRESS,
            gcs_server_port=port,
            num_cpus=2,
            num_gpus=0,
            object_store_memory=_OBJECT_STORE_BYTES,
            include_dashboard=False,
            include_log_monitor=False,  # type: ignore[arg-type]
            no_monitor=True,
            dashboard_agent_listen_port=0,
            worker_path=fork_server.__file__,
        ),
        head=True,
        shutdown_at_exit=False,
    )
    signal.pthread_sigmask(signal.SIG_BLOCK, wake)
    write_private(ready, str(node.gcs_address))
    while not node.dead_processes() and signal.sigwait(wake) == signal.SIGCHLD:
        pass
    node.kill_all_processes(check_alive=False, allow_graceful=True, wait=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
