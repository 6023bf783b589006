"""`python -m tavola.load.bench.peers`: Tavola, what others use, and what is underneath, in one run."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated

import typer

from tavola.config.failures import Failure
from tavola.load.bench.peers.page import as_json, markdown, show
from tavola.load.bench.peers.pairs import PairsPlan, PairsRun
from tavola.load.bench.peers.pairs_page import compared, pairs_markdown, pairs_text
from tavola.load.bench.peers.players import HUMAN_PACE, Play
from tavola.load.bench.peers.run import PeersRun, Plan
from tavola.load.bench.peers.systems import KEYS, chosen, in_pairs
from tavola.load.run.stack import DidNotStart
from tavola.stack.processes import raise_open_files

MEASURED_S = 10.0
SLICE_S = 4.0


def peers(
    tables: Annotated[
        list[int] | None,
        typer.Option(min=1, help="How many tables play as fast as they can; repeated, one after the other."),
    ] = None,
    human: Annotated[
        int, typer.Option(min=0, help="How many tables play as people do: a move every 3 s, at moments of their own.")
    ] = 0,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="How long each is measured, after a while to warm up. (10; a slice: 4)")
    ] = None,
    only: Annotated[str, typer.Option(help=f"Some of {','.join(KEYS)}.")] = "",
    pairs: Annotated[
        int, typer.Option(min=0, help="So many slices of each in turn (A B B A …), all alive at once; and ratios.")
    ] = 0,
    against: Annotated[
        Path | None,
        typer.Option(
            file_okay=False, exists=True, help="Another working copy of Tavola, to be compared with, in --pairs."
        ),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
    page: Annotated[Path | None, typer.Option("--markdown", help="Also write the table to this file.")] = None,
    cache: Annotated[Path, typer.Option(help="Where packages from npm and PyPI are installed.")] = Path("build/peers"),
) -> None:
    """Play the same on Tavola and on its peers, six sockets a table, and say what an action costs. Takes minutes.

    Without --tables and --human: 1 and 200 tables as fast as they can, and 1,000 as people do."""
    try:
        keys = chosen(only)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if against and not pairs:
        raise typer.BadParameter("--against needs --pairs")
    if not tables and not human:
        tables, human = [1, 200], 1000
    plays = [*(Play(number) for number in tables or ()), *([Play(human, HUMAN_PACE)] if human else ())]
    raise_open_files()
    if pairs:
        try:
            systems = in_pairs(keys, against.resolve() if against else None)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        raise typer.Exit(_in_pairs(PairsPlan(systems, plays, pairs, seconds or SLICE_S, cache.resolve()), json, page))
    run = PeersRun(Plan(plays, seconds or MEASURED_S, keys, cache.resolve()), typer.echo)
    code = _do(run.run())
    if run.figures:
        show(run.figures)
        _write(json, as_json(run.figures))
        _write(page, markdown(run.figures).encode())
    raise typer.Exit(code)


def _in_pairs(plan: PairsPlan, json: Path | None, page: Path | None) -> int:
    run = PairsRun(plan, typer.echo)
    code = _do(run.run())
    if found := compared(run.slices):
        typer.echo(pairs_text(found))
        _write(json, as_json(run.slices, found))
        _write(page, pairs_markdown(found).encode())
    return code


def _do(running: Coroutine[None, None, None]) -> int:
    """The exit code: 2 with a line that says why when it could not be done, 130 when it was stopped."""

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        for sign in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(sign, task.cancel)
        await running

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
