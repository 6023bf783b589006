"""The cost of an edge that starts: from the command until `/readyz` answers 200, and the memory that it holds then and
later.

    python tests/faults/measure_edge_start.py [TIMES] [FOLDER]

An edge joins a `tavola dev` that runs, again and again. With FOLDER, a checkout of another release there takes turns
with this one.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil

from kit.stack import Stack
from tavola.stack.processes import free_port

TIMES = 7
LATER_S = 5.0
MB = 1_000_000


def measure(stack: Stack, folder: str) -> tuple[float, float, float]:
    """Seconds until it is ready, and MB (RSS) then and `LATER_S` later."""
    port = free_port()
    environment = {**os.environ, "TAVOLA_DATA_DIR": str(stack.folder), "TAVOLA_PORT": str(port)}
    if folder:
        environment["PYTHONPATH"] = folder
    began = time.perf_counter()
    edge = subprocess.Popen(
        [sys.executable, "-m", "tavola", "edge"],
        env=environment,
        cwd=stack.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _ready(port):
            assert edge.poll() is None, "it ended"
            time.sleep(0.01)
        took, process = time.perf_counter() - began, psutil.Process(edge.pid)
        first = process.memory_info().rss / MB
        time.sleep(LATER_S)
        return took, first, process.memory_info().rss / MB
    finally:
        edge.kill()
        edge.wait()


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else TIMES
    folders = {"this release": "", **({"the other": sys.argv[2]} if len(sys.argv) > 2 else {})}
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in folders}
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "data")
        try:
            stack.start()
            for _ in range(times):
                for name, place in folders.items():
                    found[name].append(measure(stack, place))
        finally:
            stack.stop()
    for name, each in found.items():
        took, first, later = (statistics.median(column) for column in zip(*each, strict=True))
        print(f"{name:<13} ready after {took:.2f} s with {first:.0f} MB; {LATER_S:.0f} s later {later:.0f} MB; medians")


if __name__ == "__main__":
    main()
