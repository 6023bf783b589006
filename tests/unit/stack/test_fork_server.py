"""The fork server's imports, in a process of their own: what they leave there is in every worker."""

from __future__ import annotations

import subprocess
import sys

PRELOADED = """
import os, sys
from tavola.stack import fork_server
before = set(sys.modules)
fork_server.preload()
threads = len(os.listdir("/proc/self/task"))
ids = []
for _ in range(2):
    reads, writes = os.pipe()
    if os.fork() == 0:
        import random, secrets
        import ray
        os.write(writes, f"{random.random()} {secrets.token_hex(8)} {ray.ObjectRef.from_random().hex()}".encode())
        os._exit(0)
    ids.append(os.read(reads, 1000).decode().split())
print(threads, *(len(set(drawn)) for drawn in zip(*ids)), "ray" in before)
"""


def test_what_is_imported_can_be_forked() -> None:
    """One thread, for a fork takes no other along; and what two children draw by chance is not the same."""
    told = subprocess.run([sys.executable, "-c", PRELOADED], capture_output=True, text=True, check=True, timeout=100)
    assert told.stdout.split() == ["1", "2", "2", "2", "False"], told.stderr
