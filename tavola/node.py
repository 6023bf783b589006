"""A node of a Ray cluster whose workers are forked: `ray start`, told of our fork server, for which it has no option,
in a folder that only we may enter; and the end of it, for `ray stop` ends every Ray on the machine. `keep` has it run,
with its steward and an edge (`tavola.keeper`).

The parameter is private to Ray: constraints.txt names the release for which this was written.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from functools import partialmethod
from getpass import getuser
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psutil

from tavola.config.failures import Failure
from tavola.config.private import NODE_FOLDER, is_private
from tavola.config.settings import without_secrets
from tavola.keeper import HEADS_MEMORY, forget, keep
from tavola.stack import fork_server
from tavola.stack.local_ray import private_folder
from tavola.stack.processes import PYTHON, STACK_MARK, end, marked

_STOP = ["node", "stop"]
_STOP_STEPS = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 2.0))
"""Ray takes 2 s to end; where its head has gone, it would wait for that."""
_DRAINED_STEPS = ((signal.SIGTERM, 40.0), (signal.SIGKILL, 2.0))
"""A worker takes `_DRAIN_S` at most, and those."""
_DRAIN_S = "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"
"""So long Ray waits, when `tavola node` is told to end, for the node's actors to be gone (30 s): it says that the node
will end, and a steward drains it. A head that goes takes Ray with it, and waits for nobody."""
_REACHED_WITHIN_S = 1.0
_LOOK_S, _ENDED_S = 0.5, 10.0
"""How often it is looked whether Ray's raylet is there, and after how long without it nobody ends this process."""
_EDGE_STOP_STEPS = ((signal.SIGTERM, 75.0), (signal.SIGKILL, 2.0))
"""An edge takes as long as its sockets need to be taken up elsewhere, at most `TAVOLA_DRAIN_S` and some seconds."""
_LEFTOVER_STEPS = ((signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0))
_DEFAULTS = {"RAY_AUTH_MODE": "token", "RAY_worker_niceness": "0"}
"""Without a token, who reaches Ray runs programs as us. Ray's workers would yield to everything else on the machine,
and a move waits for one of them."""
_FIRST_AUTOSCALER = {"RAY_enable_autoscaler_v2": "0"}
"""The second one counts the head as one of the local workers, so that one of them is never started."""
_OF_ALL_NODES = '{"gcs_rpc_server_reconnect_timeout_s": 604800}'
"""The head hands it to everybody in the cluster: they live on without the head for so long, and not for a minute."""
GAMES_PATH = "TAVOLA_GAMES_PATH"
_ROOM_ACTORS, _AUTOSCALING = "--room-actors=", "--autoscaling-config="
DECLARED = "RAY_OVERRIDE_RESOURCES"
"""Ray's name for what a node has beside what it finds by itself, as JSON."""
_LONGEST_SOCKET = "/ray/session_2000-01-01_00-00-00_000000_0000000/sockets/plasma_store.0"


class NotMarked(Failure):
    """Nobody can say which processes are meant."""

    exit_code = 2


class Exposed(Failure):
    """Another user of the machine could put something in our way."""

    exit_code = 2


def run(arguments: list[str]) -> None:
    """`stop`; `keep`; or Ray's own `ray start` with its options, and `--room-actors=N`: the node declares that it
    carries so many, and Ray's autoscaler is told that each of the machines does. That ends the process."""
    if arguments == ["stop"]:
        forget(_mark())
        stop()
    elif arguments[:1] == ["keep"]:
        keep(arguments[1:], stop)
    else:
        start(arguments)


def start(arguments: list[str]) -> None:
    if any(each.partition("=")[0] == "--temp-dir" for each in arguments):
        raise Exposed("--temp-dir: Ray would open the folder to everybody; RAY_TMPDIR says where a private one is made")
    if any(each.startswith("--autoscaling-config") for each in arguments):
        _hold_ssh_folder()
        os.environ.update(_FIRST_AUTOSCALER)  # `ray up` says otherwise.
    folder = private_folder(os.environ.get("RAY_TMPDIR", tempfile.gettempdir()), _LONGEST_SOCKET)
    kept = without_secrets(os.environ)
    os.environ.clear()
    waits = {_DRAIN_S: "0"} if "--head" in arguments else {}
    os.environ.update({**_DEFAULTS, **waits, **kept, "RAY_TMPDIR": folder, NODE_FOLDER: folder})
    # The fork server works in a folder of Ray's.
    os.environ[GAMES_PATH] = os.path.abspath(kept.get(GAMES_PATH, "."))
    if "--block" in arguments:
        _tell_logs(folder)
        if "--head" not in arguments:
            threading.Thread(target=_until_ray_ends_the_node, args=(os.environ.get(STACK_MARK),), daemon=True).start()
    arguments = declared(arguments, Path(folder))
    if "--head" in arguments:
        _remember()
        if not any(each.startswith("--system-config") for each in arguments):
            arguments = [*arguments, f"--system-config={_OF_ALL_NODES}"]
    # Not before: Ray reads its environment when it is imported.
    from ray._private.node import Node
    from ray._private.parameter import RayParams
    from ray.scripts.scripts import start as ray_start

    RayParams.__init__ = partialmethod(RayParams.__init__, worker_path=fork_server.__file__)  # type: ignore[assignment]
    if "--include-dashboard=false" in arguments:
        Node.start_api_server = _nothing  # type: ignore[method-assign]
    ray_start.main([*arguments, f"--temp-dir={folder}/ray"], prog_name="tavola node")


def declared(arguments: list[str], folder: Path) -> list[str]:
    """Those for Ray. Its provider for machines of one's own cannot be told what they have: it is written into a copy
    of the file that `ray up` left for the autoscaler."""
    [said, *_] = [each.removeprefix(_ROOM_ACTORS) for each in arguments if each.startswith(_ROOM_ACTORS)] or [""]
    if not said:
        return arguments
    if not said.isdecimal() or not int(said):
        raise Failure(f"{_ROOM_ACTORS}{said}: say how many room actors the node carries")
    from tavola.actors.scaling.demand import ROOM_ACTOR

    carried = {ROOM_ACTOR: int(said)}
    os.environ[DECLARED] = json.dumps({**json.loads(os.environ.get(DECLARED, "{}")), **carried})
    return [
        f"{_AUTOSCALING}{_told_of_machines(each.removeprefix(_AUTOSCALING), carried, folder)}"
        if each.startswith(_AUTOSCALING)
        else each
        for each in arguments
        if not each.startswith(_ROOM_ACTORS)
    ]


def _told_of_machines(path: str, carried: dict[str, int], folder: Path) -> Path:
    import yaml  # type: ignore[import-untyped]  # Ray's.

    config = yaml.safe_load(Path(path).expanduser().read_text())
    for kind in config["available_node_types"].values():
        kind["resources"] = {**carried, **kind.get("resources", {})}
    told = folder / "autoscaling.yaml"
    told.write_text(yaml.safe_dump(config))
    return told


def _until_ray_ends_the_node(mark: str | None) -> None:
    """Ray has ended its part of the node without a fault, for its autoscaler does not need it, or somebody has drained
    it: it would leave this process waiting. All ends that was started with our mark, as by `tavola node stop`."""
    while not _raylet_runs():
        time.sleep(_LOOK_S)
    while _raylet_runs():
        time.sleep(_LOOK_S)
    time.sleep(_ENDED_S)  # A fault ends this process, and so does who told it to end.
    print("Ray has ended this node", flush=True)
    if mark:
        subprocess.Popen([*PYTHON, "-m", "tavola", *_STOP], stdin=subprocess.DEVNULL, start_new_session=True)
    else:
        os._exit(0)


def _raylet_runs() -> bool:
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if child.name() == "raylet" and child.status() != psutil.STATUS_ZOMBIE:
                return True
    return False


def _tell_logs(folder: str) -> None:
    """The events of this node's actors come out where this process's own output does, as long as it lives."""
    subprocess.Popen(
        [*PYTHON, "-m", "tavola.logbook.telling", folder, str(os.getpid())],
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def _nothing(self: object, **_: object) -> None:
    """In place of the dashboard's process: Ray starts it, and waits for it, also where there is to be no dashboard."""


def _remember() -> None:
    """Where it is said in which folder, the head writes down what it knows of the cluster, and a head that starts from
    there is to the other nodes the one that they know: they, and all actors on them, go on."""
    if (folder := os.environ.get(HEADS_MEMORY)) is None:
        return
    kept = Path(folder, version("ray")).absolute()
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ.update({"RAY_gcs_storage": "rocksdb", HEADS_MEMORY: str(kept)})


def _hold_ssh_folder() -> None:
    """The head's autoscaler has ssh share its connections in a folder whose name anybody can tell. Raises Exposed if
    somebody else has made it."""
    folder = Path(f"/tmp/ray_ssh_{sha256(getuser().encode()).hexdigest()[:10]}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid == os.geteuid():
        folder.chmod(0o700)  # Ray lets others in.
    if not is_private(folder):
        raise Exposed(f"{folder}: was made by another user; ssh would use what lies there")


def stop() -> None:
    """On return nothing runs any more that was started on this machine with our `TAVOLA_STACK` in its environment, Ray
    or edge. A process that was started with another one, or none, is left alone."""
    asyncio.run(_stop([each for each in marked(_mark()) if _command(each)[-2:] != _STOP]))


def _mark() -> str:
    mark = os.environ.get(STACK_MARK)
    if not mark:
        raise NotMarked(f"{STACK_MARK}: is not set; give the value with which the node was started")
    return mark


async def _stop(processes: list[psutil.Process]) -> None:
    # Ray's workers and agents overwrite their environment, and with it the mark.
    everybody = {*processes}
    for each in processes:
        with contextlib.suppress(psutil.Error):
            everybody.update(each.children(recursive=True))
    everybody.discard(psutil.Process())
    # `tavola node` ends its Ray in an order in which that ends; asked all at once, the parts wait for each other.
    first = [each for each in processes if not _of_ray(each)]
    edges = [each for each in first if _command(each)[-1:] == ["edge"]]
    drained = [each for each in first if await _will_be_drained(each)]
    # Until then its actors need whatever else runs there: what forks them, and their pooler.
    others = [each for each in first if each not in edges and each not in drained and (not drained or _starts(each))]
    await asyncio.gather(end(edges, *_EDGE_STOP_STEPS), end(drained, *_DRAINED_STEPS), end(others, *_STOP_STEPS))
    await end(everybody, *_LEFTOVER_STEPS)


def _starts(process: psutil.Process) -> bool:
    """Whether it starts something: a steward, or the shell that keeps it, or an edge."""
    command = _command(process)
    return command[-1:] == ["steward"] or command[:2] == ["sh", "-c"]


async def _will_be_drained(process: psutil.Process) -> bool:
    """Whether it is `tavola node` of a worker, and its head is there."""
    command = _command(process)
    [address, *_] = [each.partition("=")[2] for each in command if each.startswith("--address=")] or [""]
    host, _, port = address.rpartition(":")
    if "node" not in command or not host or not port.isdecimal():
        return False
    try:
        async with asyncio.timeout(_REACHED_WITHIN_S):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def _of_ray(process: psutil.Process) -> bool:
    """Whether it runs a program or a script of the package."""
    package = find_spec("ray")
    assert package is not None
    assert package.origin is not None
    return any(part.startswith(f"{os.path.dirname(package.origin)}/") for part in _command(process)[:3])


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []
