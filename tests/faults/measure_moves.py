"""How long a room that is moved keeps its players waiting: actors are drained one after the other, while at each table
somebody says something every 60 ms.

    python tests/faults/measure_moves.py [MOVES] [ROOMS PER ACTOR] [TABLES]

For each move of a room, the time from the sending of the first command that the new actor answered to its `ack`; it may
have been sent before, in, or after the move. The times of all other commands are given for comparison.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from kit.client import Player
from kit.command import tavola
from kit.stack import Stack, Truth
from kit.table import Table, table

THINK_S = 0.06
EPOCHS = "SELECT seq, epoch FROM log WHERE room_id = $1 AND user_id <> '' ORDER BY seq"
FULLEST = (
    "SELECT a.name FROM room_actors a JOIN rooms r ON r.actor = a.name WHERE NOT a.draining"
    " GROUP BY a.name ORDER BY count(*) DESC LIMIT 1"
)
MOVED = "SELECT count(DISTINCT (room_id, epoch)) - count(DISTINCT room_id) FROM log"


async def measure(stack: Stack, moves: int, tables: int) -> tuple[list[float], list[float]]:
    """Seconds: of the commands that were the first with a new actor, and of the others."""
    async with AsyncExitStack() as open_, stack.truth() as truth:
        made = [await open_.enter_async_context(table(stack, edges=(0, 1))) for _ in range(tables)]
        took_by = [dict[int, float]() for _ in made]
        tasks = [asyncio.create_task(_talk(each.players, took)) for each, took in zip(made, took_by, strict=True)]
        try:
            while await truth.value(MOVED) < moves:
                code, said = await tavola(stack, "drain", await truth.value(FULLEST))
                assert code == 0, said
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        first, others = list[float](), list[float]()
        for each, took in zip(made, took_by, strict=True):
            await each.all_at((await each.owner()).seq)
            await each.check_log()
            await _sort(truth, each, took, first, others)
    return first, others


async def _talk(players: list[Player], took: dict[int, float]) -> None:
    """Seconds by the number of each command."""
    number = 0
    while True:
        player = players[number % len(players)]
        number += 1
        began = time.perf_counter()
        ack = await player.command("chat", text=f"{number}")
        assert ack["type"] == "ack", ack
        took[ack["seq"]] = time.perf_counter() - began
        await asyncio.sleep(THINK_S)


async def _sort(truth: Truth, at: Table, took: dict[int, float], first: list[float], others: list[float]) -> None:
    before = None
    for row in await truth.rows(EPOCHS, at.room):
        if (seconds := took.get(row["seq"])) is not None:
            (others if before in (None, row["epoch"]) else first).append(seconds)
        before = row["epoch"]


def say(what: str, seconds: list[float]) -> None:
    hundred = statistics.quantiles(seconds, n=100)
    p50, p99, most = hundred[49] * 1000, hundred[98] * 1000, max(seconds) * 1000
    print(f"{what:<34} p50 {p50:6.1f} ms, p99 {p99:6.1f} ms, max {most:6.1f} ms, of {len(seconds)}", flush=True)


def main() -> None:
    moves, rooms, tables = (*(int(word) for word in sys.argv[1:]), *(300, 20, 10)[len(sys.argv) - 1 :])
    with tempfile.TemporaryDirectory() as folder:
        given = {"TAVOLA_ROOMS_PER_ACTOR": str(rooms), "TAVOLA_SPARES": "2", "TAVOLA_FRAMES_PER_SECOND": "0"}
        stack = Stack(Path(folder) / "data", edges=2, **given)
        try:
            stack.start()
            first, others = asyncio.run(measure(stack, moves, tables))
        finally:
            stack.stop()
    say("the first command after a move", first)
    say("other commands", others)


if __name__ == "__main__":
    main()
