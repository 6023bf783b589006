"""A node of a Ray cluster whose workers are forked: `ray start`, told of our fork server, for which it has no option;
and the end of it, for `ray stop` ends every Ray on the machine.

The parameter is private to Ray: constraints.txt names the release for which this was written.
"""

import asyncio
import contextlib
import os
import signal
from functools import partialmethod
from importlib.util import find_spec

import psutil

from tavola.failures import Failure
from tavola.processes import STACK_MARK, end, marked

_STOP = ["node", "stop"]
_STOP_STEPS = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 2.0))
"""An edge takes up to 5 s to say goodbye, and Ray 2 s to end; where its head has gone, it would wait for that."""
_LEFTOVER_STEPS = ((signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0))


class NotMarked(Failure):
    """Nobody can say which processes are meant."""

    exit_code = 2


def run(arguments: list[str]) -> None:
    """`stop`, or Ray's own `ray start` with its options. It ends the process."""
    if arguments == ["stop"]:
        stop()
    else:
        start(arguments)


def start(arguments: list[str]) -> None:
    from ray._private.parameter import RayParams
    from ray.scripts.scripts import start as ray_start

    from tavola import fork_server

    # Ray's workers would yield to everything else on the machine, and a move waits for one of them.
    os.environ.setdefault("RAY_worker_niceness", "0")
    RayParams.__init__ = partialmethod(RayParams.__init__, worker_path=fork_server.__file__)  # type: ignore[assignment]
    ray_start.main(arguments, prog_name="tavola node")


def stop() -> None:
    """On return nothing runs any more that was started on this machine with our `TAVOLA_STACK` in its environment, Ray
    or edge. What was started with another one, or none, is left alone."""
    mark = os.environ.get(STACK_MARK)
    if not mark:
        raise NotMarked(f"{STACK_MARK}: is not set; give the value with which the node was started")
    asyncio.run(_stop([each for each in marked(mark) if _command(each)[-2:] != _STOP]))


async def _stop(processes: list[psutil.Process]) -> None:
    # Ray's workers and agents overwrite their environment, and with it the mark.
    everybody = {*processes}
    for each in processes:
        with contextlib.suppress(psutil.Error):
            everybody.update(each.children(recursive=True))
    everybody.discard(psutil.Process())
    # `tavola node` ends its Ray in an order in which that ends; asked all at once, the parts wait for each other.
    await end([each for each in processes if not _of_ray(each)], *_STOP_STEPS)
    await end(everybody, *_LEFTOVER_STEPS)


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
