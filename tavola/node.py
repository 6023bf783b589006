"""A node of a Ray cluster whose workers are forked: `ray start`, told of our fork server, for which it has no option.

The parameter is private to Ray: constraints.txt names the release for which this was written.
"""

from functools import partialmethod


def start(arguments: list[str]) -> None:
    """Ray's own `ray start`, with its options. It ends the process."""
    from ray._private.parameter import RayParams
    from ray.scripts.scripts import start as ray_start

    from tavola import fork_server

    RayParams.__init__ = partialmethod(RayParams.__init__, worker_path=fork_server.__file__)  # type: ignore[assignment]
    ray_start.main(arguments, prog_name="tavola node")
