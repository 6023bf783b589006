"""The processor and memory that room actors take for being there, and the connections that they hold in Postgres.

    python tests/faults/measure_at_rest.py [ACTORS]

So many actors are started, with no room in them, and watched for a while, in a stack of their own.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import psutil

from kit.stack import Stack, until

ACTORS = 15
WATCHED_S = 20.0
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


async def measure(stack: Stack, actors: int) -> None:
    async with stack.truth() as truth:

        async def started() -> list[int]:
            pids = await truth.spares()
            return pids if len(pids) >= actors else []

        processes = [psutil.Process(pid) for pid in await until(started, f"{actors} actors", 600.0)]
        await asyncio.sleep(2.0)
        before, began = [_used_s(each) for each in processes], time.monotonic()
        await asyncio.sleep(WATCHED_S)
        used = sum(map(_used_s, processes)) - sum(before)
        share = used / (time.monotonic() - began) / len(processes)
        memory = sum(each.memory_full_info().pss for each in processes) / len(processes) / 1e6
        connections = await truth.value(CONNECTIONS)
    print(f"{len(processes)} actors at rest: {share:.2%} of a core, {memory:.1f} MB (PSS) each")
    print(f"{connections} connections to Postgres, an edge's and the steward's among them")


def _used_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    actors = int(sys.argv[1]) if len(sys.argv) > 1 else ACTORS
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "data", TAVOLA_SPARES=str(actors), TAVOLA_ROOM_ACTORS_PER_NODE="100000")
        try:
            stack.start()
            asyncio.run(measure(stack, actors))
        finally:
            stack.stop()


if __name__ == "__main__":
    main()
