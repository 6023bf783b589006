"""How many rooms the steward removes in a second: `python -m tavola.load.bench.scale.removal`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
import uvloop

from tavola.load.measure.scenario import Scenario
from tavola.load.run.run import Run
from tavola.load.run.stack import own_stack

TO_BE_REMOVED = Path(__file__).with_name("removed.sql").read_text()
LEFT = Path(__file__).with_name("removals_left.sql").read_text()
WITHIN_S = 120.0


async def removed_a_second(tables: int, seconds: float) -> tuple[float, float]:
    """Rooms removed a second, and the rows of the log that each had. They play as fast as they can for so long."""
    async with own_stack(1, 500) as (stack, data_dir):
        scenario = Scenario(
            urls=tuple(stack.urls or [stack.url]),
            tables=tables,
            bots=2,
            games=("tictactoe",),
            options={"turn_seconds": 600},
            seconds=seconds,
            check="sample",
            abandoned=True,
            data_dir=data_dir,
        )
        await Run(scenario).play()
        postgres = await asyncpg.connect(stack.environment["DATABASE_URL"])
        try:
            await postgres.execute(TO_BE_REMOVED)
            asked, rows = await postgres.fetchrow(LEFT)
            left = asked
            while left == asked:  # the steward looks every other second
                await asyncio.sleep(0.01)
                left = await postgres.fetchval(LEFT)
            began, first = time.monotonic(), left
            while left and time.monotonic() - began < WITHIN_S:
                await asyncio.sleep(0.05)
                left = await postgres.fetchval(LEFT)
            return (first - left) / (time.monotonic() - began), rows
        finally:
            await postgres.close()


def main(
    tables: Annotated[int, typer.Option(min=20)] = 100, seconds: Annotated[float, typer.Option(min=1)] = 20.0
) -> None:
    """Has some rooms play, and then has the steward remove them."""
    rate, rows = uvloop.run(removed_a_second(tables, seconds))
    typer.echo(f"{rate:.1f} rooms removed a second, each with {rows:.0f} rows of the log")


if __name__ == "__main__":
    typer.run(main)
