"""The price of a big file's end for those who write meanwhile, on the disk of FOLDER:

    python tests/integration/measure_trimming.py FOLDER [FILES]

8 KB are written and flushed over and over, as commits are, while FILES (6) of a gigabyte are emptied and removed, as
Postgres does with a table that is dropped. It is looked, too, where in the kernel the one who removes them is. A
disk that is mounted with `discard` is compared with one that is not.
"""

from __future__ import annotations

import os
import statistics
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

GIGABYTE = 2**30
MEGABYTE = 2**20
PAGE = 8192
SEGMENT = 16 * MEGABYTE
BEFORE_S, AFTER_S = 4.0, 6.0
PAUSE_S, LOOK_S = 0.003, 0.002


class Writer:
    """Writes and flushes until it is stopped; how long each took (ms), by when it began."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / "written", os.O_RDWR | os.O_CREAT)
        os.pwrite(self._file, bytes(SEGMENT), 0)
        os.fsync(self._file)
        self.took: list[tuple[float, float]] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def _write(self) -> None:
        at, page = 0, os.urandom(PAGE)
        while not self._stopped.wait(PAUSE_S):
            since = time.perf_counter()
            os.pwrite(self._file, page, at)
            os.fdatasync(self._file)
            self.took.append((since, (time.perf_counter() - since) * 1000))
            at = (at + PAGE) % SEGMENT

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
        os.close(self._file)

    def told(self, name: str, since: float, until: float) -> None:
        took = [ms for at, ms in self.took if since <= at < until]
        if len(took) > 1:
            p99 = statistics.quantiles(took, n=100)[98]
            print(f"{name:22} {len(took):5} writes: p50 {statistics.median(took):6.2f} ms, p99 {p99:6.1f} ms")


def made(path: Path) -> None:
    """A gigabyte that is on the disk."""
    block = os.urandom(MEGABYTE)
    with path.open("wb", buffering=0) as file:
        for _ in range(GIGABYTE // MEGABYTE):
            file.write(block)
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def removed(paths: list[Path], seen: Counter[str]) -> None:
    """As Postgres does: first nothing is in it, then it is not there."""
    task = threading.get_native_id()
    done = threading.Event()

    def look() -> None:
        while not done.wait(LOOK_S):
            with suppress(OSError):
                frames = Path(f"/proc/self/task/{task}/stack").read_text().splitlines()
                seen[" < ".join(frame.split()[1].partition("+")[0] for frame in frames[:5])] += 1

    looking = threading.Thread(target=look)
    looking.start()
    for path in paths:
        os.truncate(path, 0)
        path.unlink()
    done.set()
    looking.join()


def main(folder: Path, files: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"file {number}" for number in range(files)]
    for path in paths:
        made(path)
    os.sync()
    writer, seen = Writer(folder), Counter[str]()
    began = time.perf_counter()
    time.sleep(BEFORE_S)
    since = time.perf_counter()
    removed(paths, seen)
    until = time.perf_counter()
    time.sleep(AFTER_S)
    writer.stop()
    (folder / "written").unlink()
    writer.told("before", began, since)
    writer.told("while files are removed", since, until)
    writer.told("the 6 s after", until, time.perf_counter())
    print(f"removed in {until - since:.2f} s; seen in the kernel: {seen.most_common(2)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 6)
