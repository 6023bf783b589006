"""Parts of a machine that are ours alone: a folder that nobody else may enter, a socket with one of us at its other
end."""

from __future__ import annotations

import os
import socket
import stat
import sys

NODE_FOLDER = "TAVOLA_FORKS"
"""The environment variable that names the node's own private folder (`is_private`), with the sockets of its fork server
and its poolers."""
_USER_OF_PEER = slice(4, 8)
"""In `struct ucred`: pid, uid, gid."""


def is_private(folder: str | os.PathLike[str]) -> bool:
    """Whether it is a folder of ours that nobody else may enter. Raises OSError where there is none."""
    found = os.lstat(folder)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


def demand_us(line: socket.socket) -> None:
    """Raises PermissionError if another user is at the other end."""
    peer = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[_USER_OF_PEER]
    if int.from_bytes(peer, sys.byteorder) != os.geteuid():
        raise PermissionError("another user is at the other end")
