"""`python -m tavola.load.bench.peers`: Tavola, what others use, and what is underneath, in one run."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from tavola.config.failures import Failure
from tavola.load.bench.peers.page import as_json, markdown, show
from tavola.load.bench.peers.run import PeersRun, Plan
from tavola.load.bench.peers.systems import KEYS, chosen
from tavola.load.run.stack import DidNotStart
from tavola.stack.processes import raise_open_files


def peers(
    tables: Annotated[
        list[int] | None, typer.Option(min=1, help="How many tables; repeated, one after the other. (default: 1, 200)")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long each is measured, after 2 s to warm up.")] = 10.0,
    only: Annotated[str, typer.Option(help=f"Some of {','.join(KEYS)}.")] = "",
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
    page: Annotated[Path | None, typer.Option("--markdown", help="Also write the table to this file.")] = None,
    cache: Annotated[Path, typer.Option(help="Where packages from npm and PyPI are installed.")] = Path("build/peers"),
) -> None:
    """Play the same on Tavola and on its peers, six sockets a table, and say what an action costs. Takes minutes."""
    try:
        keys = chosen(only)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    raise_open_files()
    run = PeersRun(Plan(tables or [1, 200], seconds, keys, cache.resolve()), typer.echo)
    code = _do(run)
    if run.figures:
        show(run.figures)
        _write(json, as_json(run.figures))
        _write(page, markdown(run.figures).encode())
    raise typer.Exit(code)


def _do(run: PeersRun) -> int:
    """The exit code: 2 with a line that says why when it could not be done, 130 when it was stopped."""

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        for sign in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(sign, task.cancel)
        await run.run()

    try:
        asyncio.run(main())
    except asyncio.CancelledError:
        typer.echo("stopped", err=True)
        return 130
    except (Failure, DidNotStart, OSError) as error:
        typer.echo(f"tavola.load.bench.peers: {error}", err=True)
        if isinstance(error, DidNotStart):
            typer.echo(error.log, err=True)
        return 2
    return 0


def _write(file: Path | None, data: bytes) -> None:
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        typer.echo(f"written   {file}")


if __name__ == "__main__":
    typer.run(peers)
