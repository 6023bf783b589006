"""How many sockets one process may have, as a client or as an edge."""

from __future__ import annotations

import resource

COMFORTABLE = 10_000
"""Sockets to one process; with more, its one core is what is measured."""
OTHER_FILES = 500
"""Files and connections that a process has open besides."""


def raise_open_files() -> None:
    """Lets this process, and those that it starts, have as many open files as they may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def processes_for(sockets: int) -> int:
    """How many processes it takes to hold so many sockets."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    each = COMFORTABLE if most == resource.RLIM_INFINITY else max(1, min(COMFORTABLE, most - OTHER_FILES))
    return max(1, -(-sockets // each))
