"""How long a killed actor costs: from SIGKILL to the next accepted action, with and without a warm spare.

    python tests/faults/measure_recovery.py [KILLS]

Each time, a player of a hold'em table sends a move as soon as the actor is dead; the time ends with its `ack`. A stack
of its own each, with one edge. A move without a kill is measured too, for comparison.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from kit.stack import Stack, kill, until
from kit.table import Table, table

KILLS = 21


async def measure(stack: Stack, kills: int, warm: bool) -> tuple[list[float], list[float]]:
    """Seconds from a kill to an `ack`, and of moves in peace."""
    recovered: list[float] = []
    in_peace: list[float] = []
    while len(recovered) < kills:
        async with table(stack) as t:
            for _ in range(3):
                in_peace.append(await _move(t))
                if warm:
                    await until(t.truth.spares, "a spare")
                owner = await t.owner()
                began = time.perf_counter()
                kill(owner.pid)
                await _move(t)
                recovered.append(time.perf_counter() - began)
                assert (await t.owner()).pid != owner.pid
    return recovered, in_peace


async def _move(t: Table) -> float:
    """Seconds that a move took."""
    player = await t.next_to_act()
    began = time.perf_counter()
    ack = await player.command("act", **player.passive())
    took = time.perf_counter() - began
    await t.all_at(ack["seq"])
    return took


def say(what: str, seconds: list[float]) -> None:
    median, most = statistics.median(seconds) * 1000, max(seconds) * 1000
    print(f"{what:<34} median {median:7.1f} ms, max {most:7.1f} ms, of {len(seconds)}", flush=True)


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else KILLS
    for warm in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            stack = Stack(Path(folder) / "data", TAVOLA_SPARES="1" if warm else "0")
            try:
                stack.start()
                recovered, in_peace = asyncio.run(measure(stack, kills, warm))
            finally:
                stack.stop()
        say(f"killed, {'a spare ready' if warm else 'no spare'}: next action", recovered)
        say("an action in peace", in_peace)


if __name__ == "__main__":
    main()
