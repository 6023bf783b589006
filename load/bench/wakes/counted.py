"""Counts of running processes: how often they slept, were put off their processor, and called the system."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

SWITCHES = re.compile(r"^(non)?voluntary_ctxt_switches:\s+(\d+)$", re.MULTILINE)
CALL = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", re.MULTILINE)
"""Of a line of `strace -c`: calls, and which."""


class Counts(NamedTuple):
    """Of some processes together: times that a thread went to sleep, times that it was interrupted, and µs."""

    sleeps: int
    interrupted: int
    micros: float

    def since(self, before: Counts) -> Counts:
        return Counts(self.sleeps - before.sleeps, self.interrupted - before.interrupted, self.micros - before.micros)


def counts(pids: Collection[int]) -> Counts:
    """Of these processes so far; those that have ended count as nothing."""
    sleeps = interrupted = 0
    micros = 0.0
    for pid in pids:
        with contextlib.suppress(OSError, psutil.Error):
            for status in Path(f"/proc/{pid}/task").glob("*/status"):
                for non, times in SWITCHES.findall(status.read_text()):
                    sleeps += 0 if non else int(times)
                    interrupted += int(times) if non else 0
            used = psutil.Process(pid).cpu_times()
            micros += (used.user + used.system) * 1e6
    return Counts(sleeps, interrupted, micros)


def calls_of(report: str) -> Counter[str]:
    """The system calls, by name, of what `strace -c` says."""
    return Counter({name: int(times) for times, name in CALL.findall(report) if name != "total"})


async def system_calls(pids: Sequence[int], seconds: float) -> Counter[str]:
    """Those that the processes make meanwhile, which slows them."""
    attached = [word for pid in pids for word in ("-p", str(pid))]
    tracer = await asyncio.create_subprocess_exec(
        "strace", "-c", "-f", *attached, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    await asyncio.sleep(seconds)
    tracer.send_signal(signal.SIGINT)
    _, said = await tracer.communicate()
    return calls_of(said.decode())


def told(kind: str, counted: Counts, calls: Mapping[str, int] | None, moves: int, moves_traced: int) -> str:
    """One line: for each move."""
    per = max(1, moves)
    line = f"{kind:10} {counted.micros / per:7.0f} µs {counted.sleeps / per:6.2f} sleeps"
    line += f" {counted.interrupted / per:6.2f} interrupted"
    if calls:
        usual = sorted(calls.items(), key=lambda call: -call[1])[:7]
        line += "   " + "  ".join(f"{name} {times / max(1, moves_traced):.2f}" for name, times in usual)
    return line
