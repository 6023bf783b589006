"""As many bots as were asked for are seated, or it is said that they are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tavola.cli import app as tavola
from tavola.client.api import ApiClient, ClientIdentity
from tavola.load.bots import residents
from tavola.load.bots.residents import PublicTableBots
from tavola.load.bots.table import BotTable
from tavola.load.cli import app as load
from tavola.load.measure.limits import RESIDENTS
from tavola.stack import dev


@pytest.mark.parametrize(("program", "command"), [(tavola, ["dev"]), (load, [])])
def test_more_bots_than_there_are_is_an_error(
    program: typer.Typer, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(dev, "run", lambda _, *, edges, bots: asked.append(bots))
    monkeypatch.setattr("tavola.load.run.start.reside", lambda _, bots, *__: asked.append(bots))
    runner = CliRunner(env={"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"})
    refused = runner.invoke(program, [*command, "--bots", str(RESIDENTS + 1)])
    assert refused.exit_code == 2
    assert f"'--bots': Input should be less than or equal to {RESIDENTS}" in refused.output
    assert asked == []
    assert runner.invoke(program, [*command, "--bots", str(RESIDENTS)]).exit_code == 0
    assert asked == [RESIDENTS]


@pytest.mark.parametrize(
    ("bots", "seats", "said"),
    [(3, 2, ["2 of 3 bots have a seat, the others watch: the table has no more"]), (2, 2, []), (5, 6, [])],
)
def test_bots_without_a_seat_are_spoken_of(
    bots: int, seats: int, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Filled(Exception):
        pass

    async def sign_in(_: ApiClient, name: str) -> ClientIdentity:
        return ClientIdentity(user_id=name, display_name=name, token="")

    async def create_room(*_: object) -> dict[str, Any]:
        return {"id": "r", "max_players": seats}

    async def join(*_: object) -> None: ...

    async def fill(*_: object) -> None:
        raise Filled

    @asynccontextmanager
    async def http(url: str) -> AsyncIterator[object]:
        yield object()

    for owner, name, instead in (
        (residents, "Http", http), (ApiClient, "sign_in", sign_in), (ApiClient, "create_room", create_room),
        (ApiClient, "join", join), (BotTable, "fill", fill),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, instead)
    heard: list[str] = []
    with pytest.RaisesGroup(Filled):
        asyncio.run(PublicTableBots("http://x", bots, "tictactoe", tmp_path, heard.append).run())
    assert heard == said
