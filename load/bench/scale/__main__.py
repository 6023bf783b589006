"""`python -m tavola.load.bench.scale`: measures sizes, and says what the model makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import uvloop

from tavola.load.bench.scale.measure import TablePace, measure, told
from tavola.load.bench.scale.measured import Size, read, write
from tavola.load.bench.scale.page import markdown
from tavola.stack.processes import raise_open_files

DEFAULT = [100, 200, 400, 800]


def scale(
    tables: Annotated[list[int] | None, typer.Option(min=1, help="How many; repeated. (100, 200, 400, 800)")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each, in turn.")] = 1,
    seats: Annotated[int, typer.Option(min=2, help="Players a table.")] = 2,
    every: Annotated[float, typer.Option(min=0.1, help="An action a table in so many seconds.")] = 3.0,
    seconds: Annotated[float, typer.Option(min=1, help="How long each is measured.")] = 25.0,
    rooms_per_actor: Annotated[int, typer.Option(min=20)] = 500,
    game: Annotated[str, typer.Option()] = "tictactoe",
    out: Annotated[Path | None, typer.Option(help="Where what is measured is written to.")] = None,
    of: Annotated[
        Path | None,
        typer.Option(exists=True, help="Measure nothing: say what the model makes of what is written there."),
    ] = None,
) -> None:
    """Measures some sizes at a human pace. Or: `--of load/bench/scale/measured.json`."""
    if of is not None:
        typer.echo(markdown(read(of)))
        return
    raise_open_files()
    pace = TablePace(seats, every, rooms_per_actor, seconds, game)
    found: list[Size] = []
    for _ in range(rounds):
        for number in tables or DEFAULT:
            found.append(uvloop.run(measure(number, pace)))
            typer.echo(told(found[-1]))
            if out is not None:
                write(found, out)


if __name__ == "__main__":
    typer.run(scale)
