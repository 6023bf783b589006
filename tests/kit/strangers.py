"""Somebody else on the same machine: a process of another user, who tries what they should not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

STRANGER = 12345
"""A user and group that is nobody's account."""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a process as another user")

# It becomes the user by itself: the interpreter may lie where only root can go. All imports are made before.
_BECOME = """
import os, socket, sys
os.setgroups([])
os.setgid({gid})
os.setuid({uid})
"""


def stranger(program: str, *arguments: object, uid: int = STRANGER, gid: int = STRANGER) -> str:
    """The output of a Python program that another user runs; `os`, `socket` and `sys` are imported. If it raises,
    so does this."""
    argv = [sys.executable, "-c", _BECOME.format(uid=uid, gid=gid) + program, *map(str, arguments)]
    told = subprocess.run(argv, cwd="/", capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    return told.stdout
