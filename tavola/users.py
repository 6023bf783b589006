"""The operator's command for one user's data: `tavola user data`."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from tavola.actors.wire.commands import UserId
from tavola.edge.identity.personal_data import CommandPlace, PersonalData, gathered
from tavola.rooms import connected
from tavola.storage.postgres import Database

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
ANY_TIME_S = 3600.0


@app.callback()
def user() -> None:
    """All that is kept of a user."""


@app.command()
def data(user: Annotated[str, typer.Argument(metavar="ID", help="The user's id, as the log has it.")]) -> None:
    """All that is kept of them in the database, as one JSON: sessions, parts in rooms, and every command of theirs in
    the log, with what they said. The archive holds what retention took there: `tavola archive show`."""

    async def whole(database: Database) -> PersonalData:
        found = await gathered(database, UserId(user), CommandPlace(), within_s=ANY_TIME_S)
        while found.next is not None:
            more = await gathered(database, UserId(user), found.next, within_s=ANY_TIME_S)
            found = msgspec.structs.replace(more, commands=found.commands + more.commands)
        return found

    typer.echo(msgspec.json.format(msgspec.json.encode(connected(whole))))
