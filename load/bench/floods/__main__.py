"""`python -m tavola.load.bench.floods`: what an honest pair of players notices of every flood."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from tavola.load.bench.floods.attacks import FLOODS
from tavola.load.bench.floods.page import markdown
from tavola.load.bench.floods.run import run
from tavola.load.run.stack import DidNotStart
from tavola.stack.processes import raise_open_files


def floods(
    only: Annotated[str, typer.Option(help=f"Some of {','.join(FLOODS)}.")] = "",
    seconds: Annotated[float, typer.Option(min=1, help="How long each is measured.")] = 15.0,
    page: Annotated[Path | None, typer.Option("--markdown", help="Also write the table to this file.")] = None,
) -> None:
    """Have two players play while an edge is flooded from another process and address, and say what they wait for."""
    names = [name for name in only.split(",") if name] or list(FLOODS)
    if unknown := [name for name in names if name not in FLOODS]:
        raise typer.BadParameter(f"there is no flood {', '.join(unknown)}")
    raise_open_files()
    try:
        figures = uvloop.run(run(names, seconds, typer.echo))
    except DidNotStart as error:
        typer.echo(f"tavola.load.bench.floods: {error}\n{error.log}", err=True)
        raise typer.Exit(2) from None
    except (asyncio.CancelledError, KeyboardInterrupt):
        raise typer.Exit(130) from None
    table = markdown(figures)
    typer.echo(table)
    if page is not None:
        page.write_text(table)


if __name__ == "__main__":
    typer.run(floods)
