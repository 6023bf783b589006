"""Roll-outs in turn between two versions of the code, while bots play: what the players saw of them.

    python tests/faults/measure_rollouts.py [ROLL-OUTS] [TABLES]

A copy of the program runs as `tavola dev` with two edges; of the two versions one has a comment more. `tavola load`
plays on both edges and checks all that its bots see; it is ended after the last roll-out. It is told how long each
took, how often rooms were moved, how many hands were voided, and what `tavola load` saw, latencies among it.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from kit.command import tavola
from kit.stack import Stack

ROOT = Path(__file__).parents[2]
PARTS = ("actors", "clients", "edge", "games", "load", "storage", "tavola")
CHANGED = Path("actors", "room", "clock.py")
VOIDED = "SELECT count(*) FROM hands WHERE ended_at IS NOT NULL AND record ->> 'voided' IS NOT NULL"
MOVED = "SELECT count(DISTINCT (room_id, epoch)) - count(DISTINCT room_id) FROM log"


def copied(folder: Path) -> Path:
    """The program, where it may be changed."""
    for part in PARTS:
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(ROOT / part, folder / part, symlinks=True, ignore=ignored)
    return folder


async def measure(stack: Stack, program: Path, rollouts: int, tables: int) -> int:
    one = (program / CHANGED).read_text()
    report = program / "report.json"
    urls = [word for url in stack.urls for word in ("--url", url)]
    playing = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tavola", "load", *urls, "--tables", str(tables), "--seats", "3", "--think", "300-900"),
        *("--seconds", str(rollouts * 90), "--json", str(report)),
    )
    wrong = 0
    async with stack.truth() as truth:
        await asyncio.sleep(5)
        for number in range(rollouts):
            (program / CHANGED).write_text(one if number % 2 else f"{one}# another version\n")
            began = time.perf_counter()
            for _ in range(20):
                if (outcome := await tavola(stack, "rollout"))[0] != 2:
                    break
                await asyncio.sleep(1)  # The machine has not seen it yet.
            print(f"roll-out {number + 1}: {time.perf_counter() - began:5.1f} s, exit code {outcome[0]}", flush=True)
            if outcome[0]:
                print(outcome[1], flush=True)
                wrong += 1
        moved, voided = await truth.value(MOVED), await truth.value(VOIDED)
    if playing.returncode is None:
        playing.send_signal(signal.SIGINT)
    code = await playing.wait()
    print(f"{moved} times a room had another actor; {voided} hands voided; tavola load ended with {code}")
    if report.exists():
        told = json.loads(report.read_text())
        print(json.dumps({key: told[key] for key in told if key in ("violations", "refused", "latency", "errors")}))
    return wrong or code


def main() -> int:
    rollouts, tables = (*(int(word) for word in sys.argv[1:]), *(4, 8)[len(sys.argv) - 1 :])
    with tempfile.TemporaryDirectory() as folder:
        program = copied(Path(folder) / "program")
        os.environ["PYTHONPATH"] = str(program)
        os.chdir(folder)
        stack = Stack(Path(folder) / "data", edges=2, TAVOLA_ROOMS_PER_ACTOR="20", TAVOLA_SPARES="1")
        try:
            stack.start()
            return asyncio.run(measure(stack, program, rollouts, tables))
        finally:
            stack.stop()


if __name__ == "__main__":
    sys.exit(main())
