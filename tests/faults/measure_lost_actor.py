"""How long the rooms of a lost actor take to go on, when there are many:

    python tests/faults/measure_lost_actor.py [TABLES] [TIMES] [ROOMS] [CHECKOUT]

A stack of its own has so many tables of tic-tac-toe (400), two players each, in one shared actor, which is killed; a
spare is there, which has room for ROOMS, or for just as many. Told is, of each time (5), when a room had its first
commit of another actor: the clocks of its players, who lost nothing, are written then. CHECKOUT is another working
copy, whose stack it is then.
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import sys
import time
from pathlib import Path

import asyncpg
import uvloop

from tavola.load.measure.limits import raise_open_files
from tavola.load.measure.processes import RunningStack
from tavola.load.measure.scenario import Scenario
from tavola.load.run.run import Run
from tavola.load.run.stack import own_stack

BACK_WITHIN_S = 60.0
LOOK_S = 0.25
SETTLED_S = 8.0
"""Between two losses: there is another spare by then."""
OWNER = "SELECT a.pid FROM room_actors a ORDER BY a.rooms DESC LIMIT 1"
EPOCHS = "SELECT room_id, epoch FROM game_states"
WENT_ON = """
SELECT l.room_id, min(l.at) AS at
FROM log l JOIN unnest($1::text[], $2::bigint[]) AS before (room_id, epoch) ON l.room_id = before.room_id
WHERE l.epoch > before.epoch GROUP BY l.room_id
"""


class Losses:
    def __init__(self, stack: RunningStack, times: int) -> None:
        self._stack, self._times = stack, times

    async def beside(self) -> None:
        postgres = await asyncpg.connect(self._stack.environment["DATABASE_URL"], ssl=False)
        try:
            for _ in range(self._times):
                await asyncio.sleep(SETTLED_S)
                took = await _lost(postgres)
                print(
                    f"{len(took)} rooms go on after: p50 {statistics.median(took):.2f}, "
                    f"p99 {took[int(len(took) * 0.99)]:.2f}, the last {took[-1]:.2f} s",
                    flush=True,
                )
        finally:
            await postgres.close()


async def _lost(postgres: asyncpg.Connection) -> list[float]:
    """Kills the actor that has the most rooms; when each of them went on, in s."""
    pid = await postgres.fetchval(OWNER)
    before = {row["room_id"]: row["epoch"] for row in await postgres.fetch(EPOCHS)}
    at = time.time()
    os.kill(pid, signal.SIGKILL)
    while True:
        await asyncio.sleep(LOOK_S)
        back = await postgres.fetch(WENT_ON, list(before), list(before.values()))
        if len(back) == len(before):
            return sorted(row["at"] / 1000 - at for row in back)
        assert time.time() - at < BACK_WITHIN_S, f"{len(back)} of {len(before)} rooms came back"


async def main(tables: int, times: int, rooms: int, checkout: Path | None) -> None:
    raise_open_files()
    async with own_stack(2, rooms, checkout=checkout) as (stack, data_dir):
        scenario = Scenario(
            urls=tuple(stack.urls or [stack.url]),
            tables=tables,
            bots=2,
            games=("tictactoe",),
            options={"turn_seconds": 600},
            rate=0.2,
            seconds=1.0,
            check="sample",
            abandoned=True,
            data_dir=data_dir,
        )
        await Run(scenario, beside=Losses(stack, times).beside).play()


if __name__ == "__main__":
    tables, times, rooms, checkout = [*sys.argv[1:], *[""] * 4][:4]
    asked = int(tables or 400)
    uvloop.run(main(asked, int(times or 5), int(rooms or asked), Path(checkout).resolve() if checkout else None))
