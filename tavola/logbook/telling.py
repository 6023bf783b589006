"""All that a node's actors and their pooler log, on standard output as one stream: for `tavola node --block`, whose
output systemd or a container keeps.

A process of its own, so that a reader who does not keep up holds up nothing but it: the logs stay where they are.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from tavola.config.logs import FORMAT
from tavola.logbook.entries import LogEntry
from tavola.logbook.lines import line
from tavola.logbook.merging import followed
from tavola.logbook.places import NodeLogs

LAST_S = 1
"""Seconds in which what was logged last is told when the node has ended."""
_PR_SET_PDEATHSIG = 1


def tell(events: Iterable[LogEntry], write: Callable[[str], None], *, as_json: bool) -> None:
    """Each as a line; as long as there are any, or somebody reads."""
    try:
        for event in events:
            write(f"{event.as_json() if as_json else line(event)}\n")
    except BrokenPipeError:
        return


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def main(folder: Path, node: int) -> None:
    """Until the process `node`, which started this one, has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the node.
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(LAST_S))
    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() == node:
        tell(followed(NodeLogs(folder), 0.0), _write, as_json=os.environ.get(FORMAT) == "json")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
