"""How long it takes until everybody is back when all of a stack is killed in the middle of a hand and started again.

    python tests/faults/measure_restart.py [TIMES]

All processes of `tavola dev`, Postgres and Redis among them, get SIGKILL at once; then it is started again. The seconds
are from that command: until every socket is back with a current view (players try again as fast as they may), until the
first move is accepted, and until `tavola dev` says that it is ready.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from websockets.exceptions import WebSocketException

from kit.client import Player
from kit.stack import Stack, until
from kit.table import Table, table
from tavola.stack.processes import free_port

TIMES = 7
AGAIN_S = 0.05


async def measure(stack: Stack, times: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"sockets back": [], "first move": [], "ready": []}
    while len(found["ready"]) < times:
        async with table(stack) as t:
            for _ in range(2):
                await t.move()
            urls = stack.urls
            stack.kill_everything()
            began = time.perf_counter()
            starting = asyncio.create_task(asyncio.to_thread(stack.start))
            await asyncio.gather(*(_back(each, urls[0]) for each in t.everybody))
            found["sockets back"].append(time.perf_counter() - began)
            await _move(t)
            found["first move"].append(time.perf_counter() - began)
            await starting
            found["ready"].append(time.perf_counter() - began)
            await t.truth.connect()
    return found


async def _back(player: Player, url: str) -> None:
    while True:
        try:
            return await player.follow(url)
        except (OSError, WebSocketException, AssertionError):
            await asyncio.sleep(AGAIN_S)


async def _move(t: Table) -> None:
    player = await until(t.to_act, "somebody's turn")
    await player.command("act", **player.passive())


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else TIMES
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "data")
        stack.port = free_port()
        try:
            stack.start()
            found = asyncio.run(measure(stack, times))
        finally:
            stack.stop()
    for what, seconds in found.items():
        print(f"{what:<14} median {statistics.median(seconds):5.2f} s, max {max(seconds):5.2f} s, of {len(seconds)}")


if __name__ == "__main__":
    main()
