"""`tavola rollout`: the code that lies on the machines takes over, while rooms are played. Writes to the database: the
steward moves the rooms and tells edges to end."""

from __future__ import annotations

import asyncio
import json as jsons
from typing import Any

import typer

from tavola.config.code_mark import CODE
from tavola.config.failures import Failure
from tavola.rooms import connected
from tavola.storage.migrate import missing
from tavola.storage.postgres import Database
from tavola.storage.rows import Row
from tavola.upgrade import examined

LOOK_S = 1.0
NONE = "code was never rolled out here"
INSTALL = "put it on the machines first (of the nodes and edges: {})"


class OtherRollOut(Failure):
    """It is not the moment for what was asked for."""

    exit_code = 2


class StoppedRollOut(Failure):
    """Somebody paused it or turned it back while it was waited for."""

    exit_code = 3


def run(*, a_second: float, wait: bool, check: bool) -> None:
    """Raises `Failure`."""
    connected(lambda database: _begin(database, a_second, wait, check))


def show(*, as_json: bool) -> None:
    """Where the last one stands. Raises `Failure`."""
    connected(lambda database: _show(database, as_json))


def pause(*, paused: bool) -> None:
    """Or go on. Raises `OtherRollOut` where none is under way."""
    connected(lambda database: _pause(database, paused))


def turn_back(*, wait: bool) -> None:
    """The code of before takes over again. Raises `OtherRollOut` where it lies on no machine; then it is paused."""
    connected(lambda database: _turn_back(database, wait))


async def _begin(database: Database, a_second: float, wait: bool, check: bool) -> None:
    if waiting := await missing(database):
        raise Failure(f"run `tavola migrate` first: {', '.join(waiting)} is not applied here")
    codes = await database.rows("codes")
    _demand(codes, CODE)
    if all(each["code"] == CODE for each in codes) and not await _others(database):
        typer.echo(f"all that runs is of this code, {CODE}")
        return
    if check:
        report = await examined(database, 0, 1)
        if report.found:
            raise Failure(f"{len(report.found)} of {report.rooms} rooms could not be read: see `tavola upgrade check`")
    if await database.row("begin_rollout", target=CODE, a_second=a_second) is None:
        raise OtherRollOut("a roll-out is under way: wait for it, or turn it back (--back); --status shows it")
    typer.echo(f"code {CODE} is rolled out")
    if wait:
        await _until_done(database, CODE)


async def _others(database: Database) -> bool:
    rows = await database.rows("other_codes", target=CODE)
    return bool(rows)


def _demand(codes: list[Row], code: str) -> None:
    """Some node and every edge, or none, has it."""
    if not any(each["kind"] == "node" and each["disk"] == code for each in codes):
        has = ", ".join(f"{each['kind']} {each['name']} has {each['disk']}" for each in codes) or "none is there"
        raise OtherRollOut(f"code {code} lies on no machine with a steward: {INSTALL.format(has)}")


async def _show(database: Database, as_json: bool) -> None:
    row = await database.row("rollout")
    if row is None:
        raise OtherRollOut(NONE)
    if as_json:
        typer.echo(jsons.dumps(dict(row)))
        return
    typer.echo(_said(row))
    for each in await database.rows("codes"):
        if each["code"] != row["target"]:
            lies = "which would start again" if each["disk"] == each["code"] else f"on its disk lies {each['disk']}"
            typer.echo(f"  {each['kind']} {each['name']} runs {each['code'] or 'a release of before'}, {lies}")


def _said(row: Row) -> str:
    state = "is done" if row["ended"] else "is paused" if row["paused"] else "is under way"
    if not row["begun"] and not row["ended"]:
        state += ", and waits for the first room actor of it"
    left = {
        "room": row["rooms_left"], "actor": row["actors_left"], "edge": row["edges_left"], "steward": row["nodes_left"],
    }  # fmt: skip
    rest = ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for what, count in left.items() if count)
    said = f"the roll-out of {row['target']} {state}"
    if not row["ended"]:
        said += f"; of other code: {rest or 'nothing'}"
    if row["refused"]:
        said += f"; {row['refused']} of the rooms cannot be read by it, and stay"
    return said


async def _pause(database: Database, paused: bool) -> None:
    if await database.row("pause_rollout", paused=paused) is None:
        raise OtherRollOut("no roll-out is under way")
    typer.echo("paused: nothing is moved, and what has been moved stays" if paused else "it goes on")


async def _turn_back(database: Database, wait: bool) -> None:
    row = await database.row("rollout")
    if row is None or row["before"] is None:
        raise OtherRollOut(NONE if row is None else "of the code of before nothing is known")
    await database.rows("pause_rollout", paused=True)
    _demand(await database.rows("codes"), row["before"])
    await database.rows("turn_rollout_back")
    typer.echo(f"code {row['before']} is rolled out")
    if wait:
        await _until_done(database, row["before"])


async def _until_done(database: Database, target: str) -> None:
    said = ""
    while True:
        row: Any = await database.row("rollout")
        if row is None or row["target"] != target or row["paused"]:
            raise StoppedRollOut("somebody has paused the roll-out, or turned it back; --status shows it")
        if (now := _said(row)) != said:
            said = now
            typer.echo(said, err=not row["ended"])
        if row["ended"]:
            return
        await asyncio.sleep(LOOK_S)
